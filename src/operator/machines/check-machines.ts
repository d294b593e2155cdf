import { createMongoEngineStore } from "../../engine/journal/mongo-store.ts";
import { type CheckResult, checkNext } from "../../engine/migration/check.ts";
import { LockstepError } from "../../errors.ts";
import { connect } from "../../mongo/connect.ts";
import { requireApplicationDatabaseName } from "../../mongo/database-names.ts";
import { databaseNameOf } from "../../mongo/database-of-url.ts";
import { systemClock } from "../../ports/clock.ts";
import { noFaults } from "../../ports/fault-point.ts";
import { durableMachinesOf } from "./machines-of.ts";

/** The check of one machine. */
export interface MachineCheck extends CheckResult {
  readonly machine: string;
  /** The newest version that the module has. */
  readonly version: string;
  readonly database: string;
}

/**
 * Checks the living actors of each machine that a module exports against the newest version there. Older versions in
 * the module tell more of the actors that are on them. It writes nothing.
 * @throws LockstepError `bad-argument`, `machine-differs`, `database-unreachable`, `not-a-replica-set`
 */
export async function checkMachines(options: {
  readonly mongoUrl: string;
  /** Default: the database of the URL. */
  readonly database?: string | undefined;
  readonly exports: Readonly<Record<string, unknown>>;
  readonly timeoutMs?: number | undefined;
  readonly signal: AbortSignal;
}): Promise<readonly MachineCheck[]> {
  const { mongoUrl, database = databaseNameOf(mongoUrl), timeoutMs, signal } = options;
  const machines = durableMachinesOf(options.exports);
  if (machines.size === 0) {
    throw new LockstepError(
      "bad-argument",
      "expected a module that exports a durable machine, found none: export what `durable` gives",
    );
  }
  requireApplicationDatabaseName(database);
  const client = await connect(mongoUrl, "lockstep-check", timeoutMs);
  const store = createMongoEngineStore({
    ...{ client, databaseName: database, clock: systemClock, faultPoints: noFaults },
  });
  try {
    const checks: MachineCheck[] = [];
    for (const versions of machines.values()) {
      const [next] = versions;
      if (next === undefined) continue;
      const { name: machine, version } = next;
      const result = await checkNext(store, next, versions, { signal });
      checks.push({ machine, version, database, ...result });
    }
    return checks;
  } finally {
    await store.close();
    await client.close();
  }
}
