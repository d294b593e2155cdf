import { hostname } from "node:os";
import type { MongoClient } from "mongodb";
import { LockstepError } from "../errors.ts";
import { limits } from "../limits.ts";
import { createLog, type Log, requireLog } from "../log.ts";
import { requireApplicationDatabaseName } from "../mongo/database-names.ts";
import { checkLastingDeployment } from "../mongo/requirements/preflight.ts";
import { type Clock, systemClock } from "../ports/clock.ts";
import { noFaults } from "../ports/fault-point.ts";
import { type Random, systemRandom } from "../ports/random.ts";
import { findTracing } from "../ports/tracing/open-telemetry.ts";
import type { Tracing } from "../ports/tracing/tracing.ts";
import { Actors } from "./actor/actors.ts";
import { createAppender } from "./actor/appender.ts";
import { Compactor } from "./actor/compactor.ts";
import { createDatabaseClock, type DatabaseClock } from "./actor/database-clock.ts";
import { HintHub } from "./actor/hints/hint-hub.ts";
import { checkEngineOptions } from "./call-options.ts";
import { Client } from "./client.ts";
import type { DurableMachine } from "./definition/durable.ts";
import { createRegistry } from "./definition/registry.ts";
import { parseRetain, type Retain } from "./definition/retention.ts";
import type { Engine } from "./engine-api.ts";
import { requireEngineRights } from "./journal/mongo/requirements/required-rights.ts";
import { asCallError, requireUsableClient } from "./journal/mongo/requirements/usable-client.ts";
import { createMongoEngineStore } from "./journal/mongo-store.ts";
import type { EngineStore } from "./journal/store.ts";
import { Worker } from "./worker/worker.ts";

/** The means of an engine. */
export interface EngineOptions {
  /** A connected client. The engine never closes it. */
  readonly client: MongoClient;
  /** The database that holds the engine's collections, `lockstep_*`. */
  readonly database: string;
  readonly machines: readonly DurableMachine[];
  /** False for a process that only sends and reads. Default: true. */
  readonly work?: boolean;
  /** Default: pino, to standard output. */
  readonly log?: Log;
  /** The time, in milliseconds, for which a worker that has died keeps its actors. Default: 2,000; at least 1,000. */
  readonly leaseTtlMs?: number;
  /** The number of tasks, and that of actions, which run in this process at the same time. Default: 1,000. The others wait for their turn. */
  readonly tasksAtOnce?: number;
  /** The time for which this process's share of the journal is kept. Default: for ever. Large superseded snapshots always go. */
  readonly retain?: Retain;
}

/** The ports of an engine. Tests and `lockstep/testing` give others. */
export interface EnginePorts {
  readonly store: EngineStore;
  readonly clock: Clock;
  /** Default: one that reads the store's clock now and then. */
  readonly databaseClock?: DatabaseClock;
  readonly random: Random;
  /** Default: no spans. */
  readonly tracing?: Tracing | null;
  readonly log: Log;
  readonly host: string;
  readonly pid: number;
}

/**
 * Starts this process's part of an engine: it may send to every actor, and unless `work` is false it runs timers and
 * tasks of its share of them.
 * @throws LockstepError `bad-argument`, `machine-differs`, `database-unreachable`, `not-a-replica-set`, `rights-missing`,
 * `database-not-supported`, `driver-not-supported`
 */
export async function createEngine(options: EngineOptions): Promise<Engine> {
  const { client, database, work = true, log = createLog({}) } = options;
  requireApplicationDatabaseName(database);
  const store = createMongoEngineStore({
    ...{ client, databaseName: database, clock: systemClock, faultPoints: noFaults, log },
  });
  requireUsableClient(client, work);
  try {
    await checkLastingDeployment(client, database);
    await requireEngineRights(client, database);
  } catch (error) {
    throw asCallError(error);
  }
  return await startEngine(options, {
    ...{ store, clock: systemClock, random: systemRandom, log, tracing: await findTracing() },
    ...{ host: hostname(), pid: process.pid },
  });
}

function requireWhole(name: string, value: number, least: number, unit = ""): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw new LockstepError(
    "bad-argument",
    `${name}: expected a whole number${unit} from ${least}, found ${value}`,
  );
}

/** Starts an engine on given ports. */
export async function startEngine(
  options: Omit<EngineOptions, "client" | "database" | "log">,
  ports: EnginePorts,
): Promise<Engine> {
  checkEngineOptions(options);
  const { machines, work = true, leaseTtlMs = limits.workerLeaseTtlMsDefault } = options;
  const { tasksAtOnce = limits.tasksAtOnceDefault } = options;
  const { store, clock, log } = ports;
  requireLog(log);
  // Below the margin of its lease, a worker would be counted among the others, and never claim anything.
  requireWhole("leaseTtlMs", leaseTtlMs, limits.workerLeaseTtlMsMin, " of milliseconds");
  requireWhole("tasksAtOnce", tasksAtOnce, 1);
  const retention = parseRetain(options.retain ?? {});
  const registry = createRegistry(machines);
  await store.prepare([...new Set(machines.map(({ name }) => name))]);
  const databaseClock = ports.databaseClock ?? createDatabaseClock(store, clock);
  const appender = createAppender(store);
  const compactor = new Compactor({ store, clock, log });
  const onLargeReplaced = compactor.note.bind(compactor);
  const actors = new Actors({ ...ports, registry, databaseClock, onLargeReplaced });
  const shared = {
    ...ports,
    registry,
    databaseClock,
    actors,
    hints: new HintHub({ store, log, except: actors.nonces }),
  };
  const worker = work ? new Worker({ ...shared, leaseTtlMs, tasksAtOnce, retention }) : undefined;
  worker?.start();
  return new Client({ ...shared, appender, compactor, worker });
}
