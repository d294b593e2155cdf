import type { Document, MongoClient } from "mongodb";
import { LockstepError, messageOf } from "../../errors.ts";
import type { HistoryHolder } from "../../journal/fence.ts";
import { documentIds } from "../../journal/store.ts";
import { type Fenced, writeFenced } from "../../leadership/fenced-transaction.ts";
import { fencesOf, readHeld } from "../../leadership/fences.ts";
import { limits } from "../../limits.ts";
import { databaseNowMs } from "../../mongo/database-now.ts";
import { majority } from "../../mongo/majority.ts";
import { storageMembers } from "../../mongo/members.ts";
import { isOpenToAll, readPrivileges } from "../../mongo/requirements/rights.ts";
import type { Clock } from "../../ports/clock.ts";
import { systemRandom } from "../../ports/random.ts";
import { holderName, isHolderOf, type MemberHold, setRecords } from "../isolation/member-hold.ts";
import { type HistoryRecord, historyPlan, holding, isOver, remembering } from "./history-record.ts";

const parameter = "minSnapshotHistoryWindowInSeconds";
const id = { _id: documentIds.history };

/** The seconds for which a member keeps history at least. */
export async function readWindowSeconds(member: MongoClient): Promise<number> {
  const found = await member.db("admin").command({ getParameter: 1, [parameter]: 1 });
  return Number(found[parameter]);
}

function setWindow(member: MongoClient, seconds: number): Promise<Document> {
  return member.db("admin").command({ setParameter: 1, [parameter]: seconds });
}

/** The record of all holds of a set. */
export async function readHistoryRecord(client: MongoClient): Promise<HistoryRecord> {
  const found = await readHeld(setRecords(client), documentIds.history);
  if (!found) return { holders: [], members: [], nowMs: 0 };
  const { holders = [], members = [] } = found;
  return { holders, members, nowMs: await databaseNowMs(client) };
}

/**
 * Sets one member's window by the record, and looks again afterwards, so that the last process to act is right in
 * both directions. The member's earlier value is written down before it changes.
 */
function reconcile(history: MemberHold, host: string): Promise<void> {
  const { faultPoints, withMember } = history;
  const fences = fencesOf(setRecords(history.client));
  return withMember(host, async (member) => {
    let mine: { readonly previous: number; readonly value: number } | null = null;
    for (let look = 0; look < limits.holdLooksMax; look += 1) {
      const record = await readHistoryRecord(history.client);
      const current = await readWindowSeconds(member);
      const plan = historyPlan(record, host, current, mine);
      if (plan.kind === "nothing") return;
      const names = record.holders.map(({ holder }) => holder);
      if (plan.kind === "lower") {
        await faultPoints.write("history-lower", async () => {
          if (plan.to !== null) await setWindow(member, plan.to);
          await fences.updateOne(
            { ...id, holders: { $not: { $elemMatch: { holder: { $nin: names } } } } },
            { $pull: { members: { host } } } as Document,
            majority,
          );
        });
        mine = null;
        continue;
      }
      const { value } = plan;
      mine = { previous: current, value };
      await faultPoints.write("history-raise", async () => {
        const held = {
          ...id,
          "holders.holder": { $in: names },
        };
        const noted = await fences.updateOne(held, remembering(host, current, value), majority);
        if (noted.matchedCount === 1) await setWindow(member, value);
      });
    }
  });
}

/** Sets all members at once, so that members that are away cost one time-out. Returns the errors by host. */
async function reconcileAll(
  history: MemberHold,
  hosts: readonly string[],
): Promise<readonly unknown[]> {
  const done = await Promise.allSettled(hosts.map((host) => reconcile(history, host)));
  return done.flatMap((one, index) => {
    if (one.status === "fulfilled") return [];
    history.log.warn(
      { host: hosts[index], error: messageOf(one.reason) },
      "the history window of this member could not be set",
    );
    return [one.reason];
  });
}

/** The windows of the members that answer. */
export async function readWindows(
  history: Pick<MemberHold, "client" | "withMember">,
): Promise<readonly { host: string; seconds: number }[]> {
  const hosts = await storageMembers(history.client);
  const found = await Promise.allSettled(
    hosts.map((host) => history.withMember(host, readWindowSeconds)),
  );
  return found.flatMap((one, index) =>
    one.status === "fulfilled" ? [{ host: hosts[index] ?? "", seconds: one.value }] : [],
  );
}

/** Writes a hold down, also where another one lasts long enough: the other may end first. */
async function hold(
  history: MemberHold,
  holder: HistoryHolder,
  write: (update: Document[]) => Promise<unknown>,
): Promise<void> {
  await history.faultPoints.write("history-hold", () => write(holding(holder)));
  await reconcileAll(history, await storageMembers(history.client));
}

/**
 * Makes every member keep history for at least this time, before the moment of the copies is chosen. It passes over a
 * member that is away, or that this user may not set: reading there may fail, and names the cause.
 * @param holder the effect that needs it: the same on each attempt, another one for another moment
 * @throws LockstepError `fenced`
 */
export async function holdHistory(
  history: MemberHold & Fenced,
  holder: string,
  seconds: number,
): Promise<void> {
  await hold(
    history,
    { holder: holderName(history.control.databaseName, holder), seconds, untilMs: null },
    (update) =>
      writeFenced(history, (session) =>
        fencesOf(setRecords(history.client)).updateOne(id, update, { upsert: true, session }),
      ),
  );
}

/**
 * Ends the holds of an upgrade of this fleet, and those of backups by hand that died. A hold that is gone is a
 * success, and a value that an operator has set since stays.
 * @param isWanted is asked after the holds are read, so that a later hold stays
 * @throws the driver's error for a member that is away: the caller tries again
 */
export async function releaseHistory(
  history: MemberHold,
  isWanted: () => Promise<boolean>,
  ofHand: string | null = null,
): Promise<void> {
  const { client, faultPoints } = history;
  const record = fencesOf(setRecords(history.client));
  const { holders, members, nowMs } = await readHistoryRecord(history.client);
  if ((holders.length === 0 && members.length === 0) || !(await isWanted())) return;
  const over = holders.filter(
    (each) =>
      (ofHand === null
        ? each.untilMs === null && isHolderOf(history.control.databaseName, each.holder)
        : each.holder === ofHand) || isOver(each, nowMs),
  );
  const names = over.map(({ holder }) => holder);
  await faultPoints.write("history-release", () =>
    record.updateOne(id, { $pull: { holders: { holder: { $in: names } } } } as Document, majority),
  );
  const present = await storageMembers(client);
  const gone = members.filter(({ host }) => !present.includes(host)).map(({ host }) => host);
  if (gone.length > 0) {
    await record.updateOne(
      id,
      { $pull: { members: { host: { $in: gone } } } } as Document,
      majority,
    );
  }
  const hosts = members.map(({ host }) => host).filter((host) => present.includes(host));
  const [first] = await reconcileAll(history, hosts);
  if (first !== undefined) throw first;
}

/**
 * Holds history for a backup by hand while it is read. No mastership protects it, so the hold ends by itself where
 * its process dies, and the next release restores the members' values.
 */
export async function holdingHistory<Result>(
  history: MemberHold & { readonly clock: Clock },
  seconds: number,
  act: () => Promise<Result>,
): Promise<Result> {
  const holder = holderName(history.control.databaseName, `hand-${systemRandom.hex(8)}`);
  const over = new AbortController();
  const keep = async () => {
    const untilMs = (await databaseNowMs(history.client)) + limits.historyHandHoldMs;
    await hold(history, { holder, seconds, untilMs }, (update) =>
      fencesOf(setRecords(history.client)).updateOne(id, update, { upsert: true, ...majority }),
    );
  };
  const keepAlive = async () => {
    while (!over.signal.aborted) {
      await history.clock.sleep(limits.historyHandHoldMs / 4, over.signal);
      if (!over.signal.aborted) await keep().catch(() => {});
    }
  };
  await keep();
  const keeping = keepAlive();
  try {
    return await act();
  } finally {
    over.abort();
    await keeping;
    await releaseHistory(history, async () => true, holder).catch((error: unknown) => {
      history.log.warn(
        { error: messageOf(error) },
        "the history window of a member could not be restored",
      );
    });
  }
}

/** True where this user may set a parameter of the server. It reads rights and sets nothing. */
async function maySetParameter(client: MongoClient): Promise<boolean> {
  const isGranted = (await readPrivileges(client)).some(({ actions }) =>
    actions.some((action) => action === "setParameter" || action === "anyAction"),
  );
  return isGranted || isOpenToAll(client);
}

/** The seconds for which history is needed to read these bytes, at a rate that every server reaches. Pure. */
export function historySecondsNeeded(
  dataBytes: number,
  capSeconds: number = limits.historySecondsMax,
): number {
  const seconds = limits.historySlackSeconds + dataBytes / limits.dumpBytesPerSecondMin;
  return Math.max(limits.historySecondsMin, Math.ceil(Math.min(seconds, capSeconds)));
}

/**
 * Refuses a copy that takes longer than a member keeps history, where this user may not change that.
 * @returns advice for the operator, or null
 * @throws LockstepError `database-not-supported`, with the figures
 */
export async function requireHistory(
  options: Pick<MemberHold, "client" | "withMember">,
  dataBytes: number,
): Promise<string | null> {
  const neededSeconds = historySecondsNeeded(dataBytes);
  const short = (await readWindows(options)).filter(({ seconds }) => seconds < neededSeconds);
  if (short.length === 0 || (await maySetParameter(options.client))) return null;
  const likelySeconds = Math.ceil(dataBytes / limits.dumpBytesPerSecondLikely);
  const hosts = short.map(({ host, seconds }) => `${host} (${seconds} s)`).join(", ");
  const next = `set ${parameter} to ${neededSeconds} there, or grant the user setParameter`;
  if (short.every(({ seconds }) => seconds >= likelySeconds)) {
    return `a copy of ${dataBytes} bytes may take longer than some members keep history, and this user may not make them keep more: ${hosts}: ${next}`;
  }
  throw new LockstepError(
    "database-not-supported",
    `expected members that keep history while ${dataBytes} bytes are read, some ${likelySeconds} s, too short on: ${hosts}: ${next}`,
    { neededSeconds, likelySeconds, short },
  );
}
