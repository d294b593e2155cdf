import type { MongoClient } from "mongodb";
import { requireFleet } from "../control/fleet-registry.ts";
import { isLockstepError } from "../errors.ts";
import { createMongoStore } from "../journal/mongo-store.ts";
import type { Store } from "../journal/store.ts";
import type { Control } from "../leadership/fences.ts";
import { requireMajorityWrite } from "../leadership/majority-write.ts";
import { limits } from "../limits.ts";
import { connect, memberOpener } from "../mongo/connect.ts";
import { databaseNameOf } from "../mongo/database-name.ts";
import { controlDatabaseName, requireApplicationDatabaseName } from "../mongo/database-names.ts";
import type { WithMember } from "../mongo/members.ts";
import { checkDeployment } from "../mongo/preflight.ts";
import type { Work } from "../mongo/requirements/needed-rights.ts";
import { requireRights } from "../mongo/requirements/rights.ts";
import { systemClock } from "../ports/clock.ts";
import { noFaults } from "../ports/fault-point.ts";
import { parseSecondsMs } from "./seconds.ts";

/** Options of commands that work on the database themselves. */
export interface DatabaseOptions {
  readonly mongoUrl: string;
  readonly fleet?: string;
  readonly timeout?: string;
  readonly json?: boolean;
}

export interface OpenDatabase {
  readonly client: MongoClient;
  readonly withMember: WithMember;
  readonly store: Store;
  readonly databaseName: string;
  readonly controlDatabaseName: string;
}

/** Looks, while a command works, whether a majority still acknowledges: a write that waits for it has no end. */
async function failWithoutMajority(
  control: Control,
  timeoutMs: number,
  over: AbortSignal,
): Promise<never> {
  for (let looks = 0; looks < limits.looksMax && !over.aborted; looks += 1) {
    await systemClock.sleep(limits.majorityWatchMs, over);
    if (over.aborted) break;
    try {
      await requireMajorityWrite(control, timeoutMs);
    } catch (error) {
      // Anything else, as a primary that steps down, is for the command's own writes to judge.
      if (isLockstepError(error, "no-majority")) throw error;
    }
  }
  return new Promise<never>(() => {});
}

/** The work that a command is about to do: its user needs every right for it. */
export interface Intent {
  readonly work?: Work;
  /** The database that it is done to; default: the application's. */
  readonly target?: string;
}

/**
 * Opens the database for one command and closes it whatever happens.
 * @param isReading it writes nothing, so it may also run where a majority acknowledges nothing
 * @throws LockstepError `rights-missing`, `no-majority`, `database-unreachable`, `not-a-replica-set`, `bad-argument`
 */
export async function withDatabase(
  options: DatabaseOptions & Intent,
  act: (database: OpenDatabase) => Promise<number>,
  isReading = false,
): Promise<number> {
  const databaseName = databaseNameOf(options.mongoUrl);
  const control = controlDatabaseName(options.fleet ?? databaseName);
  // Before a right is asked for on it: the driver throws for a name that is none.
  if (options.target !== undefined) requireApplicationDatabaseName(options.target);
  const timeoutMs =
    options.timeout === undefined ? undefined : parseSecondsMs("--timeout", options.timeout);
  const client = await connect(options.mongoUrl, "lockstep:backup", timeoutMs);
  const withMember = memberOpener(options.mongoUrl, "lockstep:backup");
  try {
    await checkDeployment(client, databaseName);
    if (options.work) {
      const scope = { databaseName: options.target ?? databaseName, controlDatabaseName: control };
      await requireRights(client, options.work, scope);
    }
    await requireFleet(client, { databaseName, controlDatabaseName: control });
    const writeTimeoutMs = timeoutMs ?? limits.majorityLateMs;
    const store = createMongoStore({
      client,
      databaseName: control,
      faultPoints: noFaults,
      writeTimeoutMs,
    });
    const over = new AbortController();
    try {
      const probed = { client, databaseName: control };
      if (!isReading) await requireMajorityWrite(probed, timeoutMs ?? limits.majorityAnswerMs);
      const database = { client, withMember, store, databaseName, controlDatabaseName: control };
      const acting = act(database);
      // Where the watch ends it, what it still does fails with the closed client.
      acting.catch(() => {});
      if (isReading) return await acting;
      return await Promise.race([acting, failWithoutMajority(probed, writeTimeoutMs, over.signal)]);
    } finally {
      over.abort();
      await store.close();
    }
  } finally {
    await client.close();
  }
}
