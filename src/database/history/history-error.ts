import type { MongoClient } from "mongodb";
import { LockstepError, messageOf } from "../../errors.ts";
import type { WithMember } from "../../mongo/members.ts";
import { hasCode, serverErrors } from "../../mongo/server-errors.ts";
import { parseBackupTime } from "../backup/backup-time.ts";
import { readWindows } from "./history.ts";

/** The client of a copy, and the moment at which it reads. */
export interface Reading {
  readonly client: MongoClient;
  readonly withMember: WithMember;
  readonly time: string;
}

/**
 * Adds to the error of a read at a time that is gone how long the copy took, and which members keep history for less.
 * Other errors stay as they are.
 */
export async function historyError(
  { client, withMember, time }: Reading,
  cause: unknown,
): Promise<unknown> {
  if (!hasCode(cause, serverErrors.snapshotTooOld)) return cause;
  const hello = await client
    .db("admin")
    .command({ hello: 1 })
    .catch(() => null);
  if (hello === null) return cause;
  const nowSeconds = (hello["localTime"] as Date).getTime() / 1000;
  const tookSeconds = Math.round(nowSeconds - parseBackupTime(time).getHighBits());
  const windows = await readWindows({ client, withMember }).catch(() => []);
  const short = windows.filter(({ seconds }) => seconds <= tookSeconds);
  const kept = short.map(({ host, seconds }) => `${host} keeps history, ${seconds} s`);
  return new LockstepError(
    "moment-gone",
    `the copy took ${tookSeconds} s, longer than ${kept.join(", or ") || "the server keeps history"} (minSnapshotHistoryWindowInSeconds): grant the user of Lockstep setParameter, set it higher yourself, or make the read faster; the server said: ${messageOf(cause)}`,
    { short, tookSeconds },
    { cause },
  );
}
