import type { Document, MongoClient } from "mongodb";
import { messageOf } from "../../errors.ts";
import { documentIds } from "../../journal/store.ts";
import { type Fenced, writeFenced } from "../../leadership/fenced-transaction.ts";
import { fencesOf, readHeld } from "../../leadership/fences.ts";
import { majority } from "../../mongo/majority.ts";
import { dataMembers } from "../../mongo/members.ts";
import { settle } from "../../mongo/settle.ts";
import type { MemberHold } from "./member-hold.ts";

const parameter = "ttlMonitorEnabled";

async function isOn(member: MongoClient): Promise<boolean> {
  const found = await member.db("admin").command({ getParameter: 1, [parameter]: 1 });
  return found[parameter] === true;
}

/** The members whose monitors are held, and the last upgrade that asked for it. */
interface Held {
  readonly hosts: readonly string[];
  readonly holder: string | null;
}

async function read({ control }: MemberHold): Promise<Held> {
  const found = await readHeld(control, documentIds.deletions);
  return { hosts: found?.hosts ?? [], holder: found?.holder ?? null };
}

async function isHeld(hold: MemberHold, host: string): Promise<boolean> {
  return (await read(hold)).hosts.includes(host);
}

/** Sets a monitor where it differs. That needs no right for a user who has never paused one. */
async function setMonitor(member: MongoClient, on: boolean): Promise<void> {
  if ((await isOn(member)) === on) return;
  await member.db("admin").command({ setParameter: 1, [parameter]: on });
}

function settleMonitor(hold: MemberHold, host: string, member: MongoClient): Promise<void> {
  return settle(
    () => isHeld(hold, host),
    (held) => setMonitor(member, !held),
  );
}

/**
 * Pauses every member's TTL monitor while data is copied, migrated or restored. It first writes down which monitors
 * were on, so that the end of the upgrade can switch them on again. A monitor that an operator had switched off stays
 * off. A member that is away is passed over: call it again at the next stage. A deposed master leaves nothing paused,
 * however late it acts.
 * @param holder the upgrade that needs it. Lifting is keyed by this id, so a late call for an earlier upgrade cannot
 *   lift the present hold.
 */
export async function pauseDeletions(hold: MemberHold & Fenced, holder: string): Promise<void> {
  const { client, withMember, faultPoints, log } = hold;
  const held = await read(hold);
  const pause = (host: string) =>
    withMember(host, async (member) => {
      // The hold of an earlier upgrade is about to be lifted.
      const isOurs = held.holder === holder || !held.hosts.includes(host);
      if (isOurs && !(await isOn(member))) return;
      await faultPoints.write("pause-deletions", async () => {
        await writeFenced(hold, (session) =>
          fencesOf(hold.control).updateOne(
            { _id: documentIds.deletions },
            { $addToSet: { hosts: host }, $set: { holder } },
            { upsert: true, session },
          ),
        );
        await settleMonitor(hold, host, member);
      });
    });
  const hosts = await dataMembers(client);
  // All members at once, so that members that are away cost one time-out.
  await Promise.all(
    hosts.map((host) =>
      pause(host).catch((error: unknown) => {
        log.warn({ host, error: messageOf(error) }, "TTL deletion could not be paused here");
      }),
    ),
  );
}

/**
 * Switches the paused monitors on again. A monitor that is on is a success. A member that is away does not delay the
 * others, and a member that has left the set is left alone.
 * @param isWanted is asked before each member: a later upgrade may need the pause by then
 * @throws the driver's error for a member that is away: the caller tries again
 */
export async function resumeDeletions(
  hold: MemberHold,
  isWanted: () => Promise<boolean>,
): Promise<void> {
  const { client, withMember, faultPoints, log } = hold;
  const { hosts: paused, holder } = await read(hold);
  const members = paused.length === 0 ? [] : await dataMembers(client);
  const away: unknown[] = [];
  const strike = (host: string) =>
    faultPoints.write("resume-deletions", () =>
      fencesOf(hold.control).updateOne(
        { _id: documentIds.deletions, holder },
        { $pull: { hosts: host } } as Document,
        majority,
      ),
    );
  for (const host of paused) {
    if (!(await isWanted())) break;
    if (!members.includes(host)) {
      log.warn({ host }, "this member has left the set, so its TTL deletion stays as it is");
      await strike(host);
      continue;
    }
    try {
      await withMember(host, async (member) => {
        // The monitor comes first: a process that dies before the record changes leaves the work to be done again.
        await setMonitor(member, true);
        await strike(host);
        await settleMonitor(hold, host, member);
      });
    } catch (error) {
      away.push(error);
    }
  }
  if (away.length > 0) throw away[0];
}
