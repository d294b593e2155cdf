import type { Document, MongoClient } from "mongodb";
import { LockstepError, messageOf } from "../../errors.ts";
import { documentIds } from "../../journal/store.ts";
import { type Fenced, writeFenced } from "../../leadership/fenced-transaction.ts";
import { type Control, fencesOf, readFence } from "../../leadership/fences.ts";
import { limits } from "../../limits.ts";
import type { Log } from "../../log.ts";
import { sharedDatabaseName } from "../../mongo/database-names.ts";
import { databaseNowMs } from "../../mongo/database-now.ts";
import { storageMembers, type WithMember } from "../../mongo/members.ts";
import { isOpenToAll, readPrivileges } from "../../mongo/requirements/rights.ts";
import { systemClock } from "../../ports/clock.ts";
import type { FaultPoints } from "../../ports/fault-point.ts";
import { systemRandom } from "../../ports/random.ts";
import {
  type HistoryHolder,
  type HistoryRecord,
  historyPlan,
  holding,
  remembering,
} from "./history-record.ts";

/** The means to hold the members' snapshot history: a copy is read at a moment that must stay readable. */
export interface History {
  readonly client: MongoClient;
  readonly control: Control;
  readonly withMember: WithMember;
  readonly faultPoints: FaultPoints;
  readonly log: Log;
}

const parameter = "minSnapshotHistoryWindowInSeconds";
const majority = { writeConcern: { w: "majority", journal: true } } as const;
const id = { _id: documentIds.history };

/** The members are the set's: all its fleets hold their history in one record. */
const recordIn = ({ client }: Pick<History, "client">): Control => ({
  client,
  databaseName: sharedDatabaseName,
});

/** For how many seconds a member keeps history at the least. */
export async function readWindowSeconds(member: MongoClient): Promise<number> {
  const found = await member.db("admin").command({ getParameter: 1, [parameter]: 1 });
  return Number(found[parameter]);
}

function setWindow(member: MongoClient, seconds: number): Promise<Document> {
  return member.db("admin").command({ setParameter: 1, [parameter]: seconds });
}

async function read(history: History): Promise<HistoryRecord> {
  const found = await readFence(recordIn(history), documentIds.history);
  if (!found) return { holders: [], members: [], nowMs: 0 };
  const { holders = [], members = [] } = found;
  return { holders, members, nowMs: await databaseNowMs(history.client) };
}

/**
 * Brings one member's window to what is written down, and looks again after it: so the last one to act is right,
 * whether it holds or lets go. What the member had is written down before it is changed.
 */
function reconcile(history: History, host: string): Promise<void> {
  const { faultPoints, withMember } = history;
  const fences = fencesOf(recordIn(history));
  return withMember(host, async (member) => {
    let mine: { readonly previous: number; readonly value: number } | null = null;
    for (let look = 0; look < limits.holdLooksMax; look += 1) {
      const record = await read(history);
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

/** Side by side: a member that is away costs its time-out once. Answers with what went wrong, by host. */
async function reconcileAll(
  history: History,
  hosts: readonly string[],
): Promise<readonly unknown[]> {
  const done = await Promise.allSettled(hosts.map((host) => reconcile(history, host)));
  return done.flatMap((one, index) => {
    if (one.status === "fulfilled") return [];
    history.log.warn(
      { host: hosts[index], error: messageOf(one.reason) },
      "how long this member keeps history could not be set",
    );
    return [one.reason];
  });
}

/** The windows of the members that can be reached and that tell. */
export async function readWindows(
  history: Pick<History, "client" | "withMember">,
): Promise<readonly { host: string; seconds: number }[]> {
  const hosts = await storageMembers(history.client);
  const found = await Promise.allSettled(
    hosts.map((host) => history.withMember(host, readWindowSeconds)),
  );
  return found.flatMap((one, index) =>
    one.status === "fulfilled" ? [{ host: hosts[index] ?? "", seconds: one.value }] : [],
  );
}

/** Fleets number their upgrades alike, so a holder's name begins with its fleet's. */
const holderName = ({ control }: Pick<History, "control">, name: string): string =>
  `${control.databaseName}/${name}`;

/** Writes a hold down, also where another hold keeps the members' history long enough: that one may end first. */
async function hold(
  history: History,
  holder: HistoryHolder,
  write: (update: Document[]) => Promise<unknown>,
): Promise<void> {
  await history.faultPoints.write("history-hold", () => write(holding(holder)));
  await reconcileAll(history, await storageMembers(history.client));
}

/**
 * Makes every member keep history for at least so long, before the moment of the copies is chosen. A member that is
 * away, or that this user may not set, is passed over: reading there may fail, with the cause.
 * @param holder the effect that needs it: the same for whoever goes on with it, another one for another moment
 * @throws LockstepError `fenced`
 */
export async function holdHistory(
  history: History & Fenced,
  holder: string,
  seconds: number,
): Promise<void> {
  await hold(history, { holder: holderName(history, holder), seconds, untilMs: null }, (update) =>
    writeFenced(history, (session) =>
      fencesOf(recordIn(history)).updateOne(id, update, { upsert: true, session }),
    ),
  );
}

/**
 * Gives back what is held for an upgrade of this fleet, and what a backup by hand has left that died. Somebody having
 * done it already is a success; a value that an operator has set meanwhile stays.
 * @param isWanted asked once it is known what is held: a later hold stays
 * @throws what the driver throws for a member that is away: this is tried again
 */
export async function releaseHistory(
  history: History,
  isWanted: () => Promise<boolean>,
  ofHand: string | null = null,
): Promise<void> {
  const { client, faultPoints } = history;
  const ours = holderName(history, "");
  const record = fencesOf(recordIn(history));
  const { holders, members, nowMs } = await read(history);
  if ((holders.length === 0 && members.length === 0) || !(await isWanted())) return;
  const over = holders.filter(
    ({ holder, untilMs }) =>
      (ofHand === null ? untilMs === null && holder.startsWith(ours) : holder === ofHand) ||
      (untilMs !== null && untilMs < nowMs),
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
 * Holds history for a backup by hand, for as long as it is read. Nobody holds a mastership for it, so the hold ends
 * by itself where its process dies, and whoever comes next puts the members' values back.
 */
export async function holdingHistory<Result>(
  history: History,
  seconds: number,
  act: () => Promise<Result>,
): Promise<Result> {
  const holder = holderName(history, `hand-${systemRandom.hex(8)}`);
  const over = new AbortController();
  const keep = async () => {
    const untilMs = (await databaseNowMs(history.client)) + limits.historyHandHoldMs;
    await hold(history, { holder, seconds, untilMs }, (update) =>
      fencesOf(recordIn(history)).updateOne(id, update, { upsert: true, ...majority }),
    );
  };
  const keepAlive = async () => {
    while (!over.signal.aborted) {
      await systemClock.sleep(limits.historyHandHoldMs / 4, over.signal);
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
      history.log.warn({ error: messageOf(error) }, "a member keeps more history than before");
    });
  }
}

/** Whether this user may set a parameter of the server: nothing is tried for it. */
async function maySetParameter(client: MongoClient): Promise<boolean> {
  const isGranted = (await readPrivileges(client)).some(({ actions }) =>
    actions.some((action) => action === "setParameter" || action === "anyAction"),
  );
  return isGranted || isOpenToAll(client);
}

/** Seconds for which history has to be kept to read so many bytes, at a rate that every server reaches. Pure. */
export function historySecondsNeeded(
  dataBytes: number,
  capSeconds: number = limits.historySecondsMax,
): number {
  const seconds = limits.historySlackSeconds + dataBytes / limits.dumpBytesPerSecondMin;
  return Math.max(limits.historySecondsMin, Math.ceil(Math.min(seconds, capSeconds)));
}

/**
 * Refuses to begin a copy that takes longer than a member keeps history, where this user may not make it keep more.
 * @returns what the operator should know, or null
 * @throws LockstepError `database-not-supported`, with the figures
 */
export async function requireHistory(
  options: Pick<History, "client" | "withMember">,
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
