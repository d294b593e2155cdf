import type { Document, MongoClient } from "mongodb";
import { messageOf } from "../../errors.ts";
import { documentIds } from "../../journal/store.ts";
import { type Fenced, writeFenced } from "../../leadership/fenced-transaction.ts";
import { fencesOf, readHeld } from "../../leadership/fences.ts";
import { majority } from "../../mongo/majority.ts";
import { dataMembers } from "../../mongo/members.ts";
import { settle } from "../../mongo/settle.ts";
import { holderName, isHolderOf, type MemberHold, setRecords } from "./member-hold.ts";

const parameter = "ttlMonitorEnabled";

async function isOn(member: MongoClient): Promise<boolean> {
  const found = await member.db("admin").command({ getParameter: 1, [parameter]: 1 });
  return found[parameter] === true;
}

/** The members whose monitors are held, and the upgrades of all fleets that need it. */
export interface HeldDeletions {
  readonly hosts: readonly string[];
  readonly holders: readonly string[];
}

/** The record of a set, as a majority has it. */
export async function readDeletions(client: MongoClient): Promise<HeldDeletions> {
  const found = await readHeld(setRecords(client), documentIds.deletions);
  return { hosts: found?.hosts ?? [], holders: found?.holders ?? [] };
}

async function isHeld({ client }: MemberHold, host: string): Promise<boolean> {
  const { hosts, holders } = await readDeletions(client);
  return holders.length > 0 && hosts.includes(host);
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
 * were on, so that the end of the last upgrade that needs it can switch them on again. A monitor that an operator had
 * switched off stays off. A member that is away is passed over: call it again at the next stage. A deposed master leaves
 * nothing paused, however late it acts.
 * @param upgrade the upgrade of this fleet that needs it
 */
export async function pauseDeletions(hold: MemberHold & Fenced, upgrade: string): Promise<void> {
  const { client, withMember, faultPoints, log } = hold;
  const holder = holderName(hold.control.databaseName, upgrade);
  const held = await readDeletions(client);
  const pause = (host: string) =>
    withMember(host, async (member) => {
      // The hold of another upgrade may be about to be lifted.
      const isOurs = held.holders.includes(holder) || !held.hosts.includes(host);
      if (isOurs && !(await isOn(member))) return;
      await faultPoints.write("pause-deletions", async () => {
        await writeFenced(hold, (session) =>
          fencesOf(setRecords(client)).updateOne(
            { _id: documentIds.deletions },
            { $addToSet: { hosts: host, holders: holder } },
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
 * Ends the holds of this fleet's upgrades. Where no other fleet needs the pause, it switches the paused monitors on again.
 * A monitor that is on is a success. A member that is away does not delay the others, and a member that has left the set
 * is left alone.
 * @param isWanted is asked after the holds are read, so that a later upgrade's hold stays
 * @throws the driver's error for a member that is away: the caller tries again
 */
export async function resumeDeletions(
  hold: MemberHold,
  isWanted: () => Promise<boolean>,
): Promise<void> {
  const { client, withMember, faultPoints, log } = hold;
  const record = fencesOf(setRecords(client));
  const { hosts, holders } = await readDeletions(client);
  if ((hosts.length === 0 && holders.length === 0) || !(await isWanted())) return;
  const ours = holders.filter((holder) => isHolderOf(hold.control.databaseName, holder));
  if (ours.length > 0) {
    await faultPoints.write("resume-deletions", () =>
      record.updateOne(
        { _id: documentIds.deletions },
        { $pull: { holders: { $in: ours } } } as Document,
        majority,
      ),
    );
  }
  const strike = (host: string) =>
    faultPoints.write("resume-deletions", () =>
      record.updateOne(
        { _id: documentIds.deletions, holders: [] },
        { $pull: { hosts: host } } as Document,
        majority,
      ),
    );
  const members = await dataMembers(client);
  const away: unknown[] = [];
  for (const host of hosts) {
    // The last one that needs it switches it on.
    if ((await readDeletions(client)).holders.length > 0) break;
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
