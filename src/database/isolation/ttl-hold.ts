import type { Document, MongoClient } from "mongodb";
import { messageOf } from "../../errors.ts";
import { documentIds } from "../../journal/store.ts";
import { type Fenced, writeFenced } from "../../leadership/fenced-transaction.ts";
import { type Control, fencesOf, readFence } from "../../leadership/fences.ts";
import type { Log } from "../../log.ts";
import { dataMembers, type WithMember } from "../../mongo/members.ts";
import { settle } from "../../mongo/settle.ts";
import type { FaultPoints } from "../../ports/fault-point.ts";

export interface TtlHold {
  readonly client: MongoClient;
  readonly control: Control;
  readonly withMember: WithMember;
  readonly faultPoints: FaultPoints;
  readonly log: Log;
}

const parameter = "ttlMonitorEnabled";

const majority = { writeConcern: { w: "majority", journal: true } } as const;

async function isOn(member: MongoClient): Promise<boolean> {
  const found = await member.db("admin").command({ getParameter: 1, [parameter]: 1 });
  return found[parameter] === true;
}

/** Whose monitors are held, and for which upgrade: the last that asked for it. */
interface Held {
  readonly hosts: readonly string[];
  readonly holder: unknown;
}

async function read({ control }: TtlHold): Promise<Held> {
  const found = await readFence(control, documentIds.deletions);
  return { hosts: found?.["hosts"] ?? [], holder: found?.["holder"] ?? null };
}

async function isHeld(deletions: TtlHold, host: string): Promise<boolean> {
  return (await read(deletions)).hosts.includes(host);
}

/** One that is so already needs no right to set it: a user without that has paused nothing. */
async function setMonitor(member: MongoClient, on: boolean): Promise<void> {
  if ((await isOn(member)) === on) return;
  await member.db("admin").command({ setParameter: 1, [parameter]: on });
}

function settleMonitor(deletions: TtlHold, host: string, member: MongoClient): Promise<void> {
  return settle(
    () => isHeld(deletions, host),
    (held) => setMonitor(member, !held),
  );
}

/**
 * Keeps every member's TTL monitor from deleting while data is copied, migrated or restored. Which
 * ones were on is written down first, so that whoever ends the upgrade can switch them on again; one
 * that an operator had switched off stays off. A member that is away is passed over: call it again
 * at the next stage. A deposed master, however late it wakes up, leaves nothing paused.
 * @param holder the upgrade that needs it: who is late to lift an earlier one's hold leaves this one's
 */
export async function pauseDeletions(deletions: TtlHold & Fenced, holder: string): Promise<void> {
  const { client, withMember, faultPoints, log } = deletions;
  const held = await read(deletions);
  const pause = (host: string) =>
    withMember(host, async (member) => {
      // What is written down for an earlier upgrade is about to be switched on.
      const isOurs = held.holder === holder || !held.hosts.includes(host);
      if (isOurs && !(await isOn(member))) return;
      await faultPoints.write("pause-deletions", async () => {
        await writeFenced(deletions, (session) =>
          fencesOf(deletions.control).updateOne(
            { _id: documentIds.deletions },
            { $addToSet: { hosts: host }, $set: { holder } },
            { upsert: true, session },
          ),
        );
        await settleMonitor(deletions, host, member);
      });
    });
  const hosts = await dataMembers(client);
  // Side by side: one that is away costs its time-out once.
  await Promise.all(
    hosts.map((host) =>
      pause(host).catch((error: unknown) => {
        log.warn({ host, error: messageOf(error) }, "TTL deletion could not be paused here");
      }),
    ),
  );
}

/**
 * Switches on again what was paused. Somebody having done it already is a success; one that is away keeps
 * no other waiting, and one that was taken out of the set is left alone.
 * @param isWanted asked before each member: a later upgrade may have begun to need the pause by then
 * @throws what the driver throws for a member that is away: this is tried again
 */
export async function resumeDeletions(
  deletions: TtlHold,
  isWanted: () => Promise<boolean>,
): Promise<void> {
  const { client, withMember, faultPoints, log } = deletions;
  const { hosts: paused, holder } = await read(deletions);
  const members = paused.length === 0 ? [] : await dataMembers(client);
  const away: unknown[] = [];
  const strike = (host: string) =>
    faultPoints.write("resume-deletions", () =>
      fencesOf(deletions.control).updateOne(
        { _id: documentIds.deletions, holder },
        { $pull: { hosts: host } } as Document,
        majority,
      ),
    );
  for (const host of paused) {
    if (!(await isWanted())) break;
    if (!members.includes(host)) {
      log.warn({ host }, "no member of the set any more: its TTL deletion stays as it is");
      await strike(host);
      continue;
    }
    try {
      await withMember(host, async (member) => {
        // First: who dies before it is struck out leaves it to be done again.
        await setMonitor(member, true);
        await strike(host);
        await settleMonitor(deletions, host, member);
      });
    } catch (error) {
      away.push(error);
    }
  }
  if (away.length > 0) throw away[0];
}
