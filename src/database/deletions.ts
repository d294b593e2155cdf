import type { Document, MongoClient } from "mongodb";
import { messageOf } from "../errors.ts";
import { limits } from "../limits.ts";
import type { Log } from "../log.ts";
import type { Seam } from "../ports/seam.ts";
import { collections } from "../store/store.ts";
import { type Fenced, writeFenced } from "./fenced-transaction.ts";
import { dataMembers, type WithMember } from "./members.ts";

export interface Deletions {
  readonly client: MongoClient;
  readonly control: { readonly client: MongoClient; readonly databaseName: string };
  readonly withMember: WithMember;
  readonly seam: Seam;
  readonly log: Log;
}

const parameter = "ttlMonitorEnabled";
const documentId = "deletions";

function record({ control }: Deletions) {
  return control.client
    .db(control.databaseName)
    .collection<{ _id: string; hosts?: readonly string[] } & Document>(collections.fences);
}

const majority = { writeConcern: { w: "majority", journal: true } } as const;

async function isOn(member: MongoClient): Promise<boolean> {
  const found = await member.db("admin").command({ getParameter: 1, [parameter]: 1 });
  return found[parameter] === true;
}

async function isHeld(deletions: Deletions, host: string): Promise<boolean> {
  const readConcern = { level: "majority" } as const;
  const filter = { _id: documentId, hosts: host };
  return (await record(deletions).findOne(filter, { readConcern })) !== null;
}

/** Brings a member to what is written down. Whoever acts looks again after it, so the last one is right. */
async function settle(deletions: Deletions, host: string, member: MongoClient): Promise<void> {
  for (let look = 0; look < limits.holdLooksMax; look += 1) {
    const held = await isHeld(deletions, host);
    await member.db("admin").command({ setParameter: 1, [parameter]: !held });
    if ((await isHeld(deletions, host)) === held) return;
  }
}

/**
 * Keeps every member's TTL monitor from deleting while data is copied, migrated or restored. Which
 * ones were on is written down first, so that whoever ends the upgrade can switch them on again; one
 * that an operator had switched off stays off. A member that is away is passed over: call it again
 * at the next stage. A deposed master, however late it wakes up, leaves nothing paused.
 */
export async function pauseDeletions(deletions: Deletions & Fenced): Promise<void> {
  const { client, withMember, seam, log } = deletions;
  const pause = (host: string) =>
    withMember(host, async (member) => {
      if (!(await isOn(member))) return;
      await seam.write("pause-deletions", async () => {
        await writeFenced(deletions, (session) =>
          record(deletions).updateOne(
            { _id: documentId },
            { $addToSet: { hosts: host } },
            { upsert: true, session },
          ),
        );
        await settle(deletions, host, member);
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
  deletions: Deletions,
  isWanted: () => Promise<boolean>,
): Promise<void> {
  const { client, withMember, seam, log } = deletions;
  const found = await record(deletions).findOne({ _id: documentId });
  const paused = found?.hosts ?? [];
  const members = paused.length === 0 ? [] : await dataMembers(client);
  const away: unknown[] = [];
  const strike = (host: string) =>
    seam.write("resume-deletions", () =>
      record(deletions).updateOne(
        { _id: documentId },
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
        await member.db("admin").command({ setParameter: 1, [parameter]: true });
        await strike(host);
        await settle(deletions, host, member);
      });
    } catch (error) {
      away.push(error);
    }
  }
  if (away.length > 0) throw away[0];
}
