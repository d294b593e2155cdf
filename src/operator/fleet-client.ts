import type { Deadlines } from "../../machines/vocabulary.ts";
import { type Fleet, registerFleet, requireFleet } from "../control/fleet-registry.ts";
import type { FleetRequest } from "../control/inbox.ts";
import {
  initializeVersions,
  readVersions,
  requireRecords,
  requireSemver,
} from "../control/versions.ts";
import { allowWrites } from "../database/isolation/write-block.ts";
import { LockstepError } from "../errors.ts";
import { createMongoStore } from "../journal/mongo-store.ts";
import type { Store, Versions } from "../journal/store.ts";
import { requireMajorityWrite } from "../leadership/majority-write.ts";
import { limits } from "../limits.ts";
import { connect } from "../mongo/connect.ts";
import { databaseNameOf } from "../mongo/database-name.ts";
import { controlDatabaseName } from "../mongo/database-names.ts";
import { checkDeployment, checkMajority } from "../mongo/preflight.ts";
import { requireRights } from "../mongo/requirements/rights.ts";
import { type Clock, systemClock } from "../ports/clock.ts";
import { noFaults } from "../ports/fault-point.ts";
import { type Random, systemRandom } from "../ports/random.ts";
import { createWakeUp } from "../ports/wake-up.ts";
import { type Accepted, askMaster, undefinedIfUnreachable } from "./ask-master.ts";
import { readFleetFacts } from "./fleet-facts.ts";
import { fleetInvariants } from "./invariants.ts";
import { type FleetStatus, type HistoryItem, readHistory, readStatus } from "./status.ts";

export interface WatchOptions {
  /** How long to watch, in milliseconds. Default: 24 hours. */
  readonly timeoutMs?: number;
  /** Ends the watch. Default: only time ends it. */
  readonly signal?: AbortSignal;
}

/** An operator's view of a fleet, from anywhere that reaches its database. */
export interface FleetClient {
  /** Declares the version of a fleet, once. */
  init(version: string): Promise<Versions>;
  /**
   * Files the request and waits for the master's answer; withdraws it when the wait ends without one.
   * @throws LockstepError `no-master`, `no-majority`, `database-unreachable`, and what the master refuses it for
   */
  request(request: FleetRequest): Promise<Accepted>;
  /** @param options.deadlines in milliseconds; default: those of `lockstep upgrade` */
  upgrade(
    to: string,
    options?: { deadlines?: Partial<Deadlines> },
  ): Promise<{
    readonly upgrade: string;
    /** What was accepted, and what the operator should know of it. */
    readonly message: string;
  }>;
  status(): Promise<FleetStatus>;
  history(): Promise<readonly HistoryItem[]>;
  /** What is broken of the fleet's invariants, by name and place: empty when all of them hold. */
  check(): Promise<readonly string[]>;
  /**
   * Lets writers in again that an upgrade had shut out and nobody is left to let in; false when none were.
   * @param options.force also while an upgrade is active, or where no upgrade is known to have done it
   * @throws LockstepError `upgrade-active`: its end lets them in
   */
  allowWrites(options?: { force?: boolean }): Promise<boolean>;
  /**
   * The present status, then the status after each change, until the loop over it is left. While the database does not
   * answer, nothing comes.
   * @throws LockstepError `timeout`; the signal's reason
   */
  watch(options?: WatchOptions): AsyncIterable<FleetStatus>;
  close(): Promise<void>;
}

function requireNoUpgrade(versions: Versions | undefined, force: boolean): void {
  if (!versions?.upgrade || force) return;
  throw new LockstepError(
    "upgrade-active",
    `upgrade ${versions.upgrade} is active, and its end lets writers in: wait for it or abort it; --force lets them in now, and what they write will be found out`,
    { upgrade: versions.upgrade },
  );
}

async function* watchStatus(
  store: Store,
  clock: Clock,
  { timeoutMs, signal = new AbortController().signal }: WatchOptions,
): AsyncGenerator<FleetStatus> {
  const wakeUp = createWakeUp(clock);
  const unsubscribe = store.watch(() => wakeUp.hint());
  const endMs = clock.monotonicMs() + (timeoutMs ?? limits.watchTimeoutMs);
  try {
    for (;;) {
      const status = await undefinedIfUnreachable(() => readStatus(store));
      if (status) yield status;
      signal.throwIfAborted();
      if (clock.monotonicMs() > endMs) {
        throw new LockstepError(
          "timeout",
          "the wait is over, the work goes on: see `lockstep status`",
        );
      }
      await wakeUp.wait(limits.statusPollMs, signal);
    }
  } finally {
    unsubscribe();
  }
}

/**
 * Connects to a fleet by its database.
 * @throws LockstepError `bad-argument`, `database-unreachable`, `not-a-replica-set`
 */
export async function createFleetClient(options: {
  /** URL of the replica set; its path is the application's database. */
  mongoUrl: string;
  /** Name of the fleet. Default: the application's database. */
  fleet?: string;
  /** How long to wait for the database, in milliseconds. Default: 30,000. */
  serverSelectionTimeoutMs?: number;
  /** How long to wait for a master's answer and for a majority, in milliseconds. Default: 30,000. */
  answerTimeoutMs?: number;
  /** Ends a wait for an answer. Default: only time ends it. */
  signal?: AbortSignal;
  /** For tests. Default: the real clock. */
  clock?: Clock;
  /** For tests. Default: the real randomness. */
  random?: Random;
}): Promise<FleetClient> {
  const applicationDatabaseName = databaseNameOf(options.mongoUrl);
  const databaseName = controlDatabaseName(options.fleet ?? applicationDatabaseName);
  const registration: Fleet = {
    databaseName: applicationDatabaseName,
    controlDatabaseName: databaseName,
  };
  const clock = options.clock ?? systemClock;
  const random = options.random ?? systemRandom;
  const client = await connect(
    options.mongoUrl,
    "lockstep:client",
    options.serverSelectionTimeoutMs,
  );
  try {
    await checkDeployment(client, applicationDatabaseName);
    await requireFleet(client, registration);
  } catch (error) {
    await client.close();
    throw error;
  }
  const waitMs = options.answerTimeoutMs ?? limits.answerTimeoutMs;
  const store = createMongoStore({
    client,
    databaseName,
    faultPoints: noFaults,
    writeTimeoutMs: waitMs,
  });
  const requireMajority = () => requireMajorityWrite({ client, databaseName }, waitMs);

  const request: FleetClient["request"] = async (wanted) => {
    await checkMajority(client);
    await requireMajority();
    await requireRecords(store);
    options.signal?.throwIfAborted();
    const asking = { store, clock, waitMs, signal: options.signal };
    return askMaster(asking, random.hex(12), wanted);
  };

  return {
    async init(version) {
      requireSemver(version);
      await requireRights(client, "init", registration);
      await requireMajority();
      await registerFleet(client, registration, noFaults);
      return initializeVersions(store, version);
    },
    request,
    async upgrade(to, { deadlines = {} } = {}) {
      const answer = await request({ kind: "upgrade", to, deadlines: { ...deadlines } });
      return { upgrade: answer.upgrade ?? "", message: answer.message };
    },
    status: () => readStatus(store),
    history: () => readHistory(store),
    async allowWrites({ force = false } = {}) {
      requireNoUpgrade(await readVersions(store), force);
      await requireMajority();
      const isWanted = async () => force || !(await readVersions(store))?.upgrade;
      const block = { client, control: { client, databaseName }, faultPoints: noFaults };
      const lifted = await allowWrites(block, isWanted, force);
      // One may have been accepted in between, and shut them out itself.
      if (!lifted) requireNoUpgrade(await readVersions(store), force);
      return lifted;
    },
    check: async () => fleetInvariants(await readFleetFacts(store)),
    watch: (watching = {}) => watchStatus(store, clock, watching),
    async close() {
      await store.close();
      await client.close();
    },
  };
}
