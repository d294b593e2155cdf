import type { Deadlines } from "../../machines/vocabulary.ts";
import { registerFleet } from "../control/fleet-registry.ts";
import type { FleetRequest } from "../control/inbox.ts";
import {
  initializeVersions,
  readVersions,
  requireRecords,
  requireSemver,
} from "../control/versions.ts";
import { allowWrites } from "../database/isolation/write-block.ts";
import { LockstepError } from "../errors.ts";
import type { Versions } from "../journal/store.ts";
import { controlOf } from "../leadership/fences.ts";
import { requireMajorityWrite } from "../leadership/majority-write.ts";
import { limits } from "../limits.ts";
import { checkMajority, requireExistingDatabase } from "../mongo/requirements/preflight.ts";
import { requireRights } from "../mongo/requirements/rights.ts";
import { type Clock, systemClock } from "../ports/clock.ts";
import { noFaults } from "../ports/fault-point.ts";
import { type Random, systemRandom } from "../ports/random.ts";
import { createWakeUp } from "../ports/waiting/wake-up.ts";
import { type Accepted, askMaster, undefinedIfUnreachable } from "./ask-master.ts";
import { requireDeclared } from "./declared.ts";
import { type Explanation, explain } from "./explanation/explain.ts";
import { readExplainFacts } from "./explanation/facts.ts";
import { FiguresReader, type FleetFigures } from "./figures/figures-reader.ts";
import type { Film } from "./film/film.ts";
import { FilmReader } from "./film/film-reader.ts";
import { readFleetFacts } from "./fleet-facts.ts";
import { type HistoryItem, readHistory } from "./history.ts";
import { fleetInvariants } from "./invariants.ts";
import { type OpenFleet, openFleet } from "./open-fleet.ts";
import {
  requireChecks,
  requirePlanHolds,
  requireSameFleet,
  requireSameGeneration,
} from "./planning/compare-plans.ts";
import { makePlan, type StepSource } from "./planning/make-plan.ts";
import type { FleetPlan } from "./planning/plan-shape.ts";
import { type FleetStatus, readStatus } from "./status.ts";

export interface WatchOptions {
  /** The time to watch, in milliseconds. Default: 24 hours. */
  readonly timeoutMs?: number;
  /** Ends the watch. Default: none. */
  readonly signal?: AbortSignal;
}

export type { FleetRequest } from "../control/inbox.ts";

/** An operator's view of a fleet, from anywhere that reaches its database. */
export interface FleetClient {
  /**
   * Declares the version of a fleet, once.
   * @param options.newDatabase also where the application's database is not there yet. Default: false
   */
  init(version: string, options?: { newDatabase?: boolean }): Promise<Versions>;
  /**
   * Files the request and waits for the master's answer. It withdraws the request when the wait ends without one.
   * @throws LockstepError `no-master`, `no-majority`, `database-unreachable`, and the master's refusal
   */
  request(request: FleetRequest): Promise<Accepted>;
  /** @param options.deadlines in milliseconds; default: those of `lockstep upgrade` */
  upgrade(
    to: string,
    options?: { deadlines?: Partial<Deadlines> },
  ): Promise<{
    readonly upgradeId: string;
    /** The accepted request, and facts that the operator should know. */
    readonly message: string;
  }>;
  /**
   * Plans an upgrade by the steps of its build. It only reads.
   * @param options.steps those steps, or a function that answers with their description
   * @throws LockstepError `version-not-higher`, `version-not-semver`, `upgrade-active`
   */
  plan(
    to: string,
    options: { steps: StepSource; deadlines?: Partial<Deadlines> },
  ): Promise<FleetPlan>;
  /**
   * Asks for the upgrade of a plan, once the same plan made now is equal and each of its checks is passed.
   * @throws LockstepError `plan-differs` with the differences, and the code of a check that is not passed
   */
  apply(
    plan: FleetPlan,
    options: { steps: StepSource },
  ): Promise<{ readonly upgradeId: string; readonly message: string }>;
  status(): Promise<FleetStatus>;
  history(): Promise<readonly HistoryItem[]>;
  /**
   * One upgrade over time: what each actor did when. A second call reads only what is new of the same upgrade.
   * @throws LockstepError `no-upgrade`
   */
  film(upgradeId: string): Promise<Film>;
  /**
   * Figures for those who watch the fleet: totals of all upgrades, and the engine in the same database. A call costs few
   * reads: see `/metrics`.
   */
  figures(): Promise<FleetFigures>;
  /**
   * Explains the latest upgrade, or one agent: what failed, what was tried, what is safe, what to do now.
   * @throws LockstepError `unknown-agent`
   */
  explain(agent?: string): Promise<Explanation>;
  /** The broken invariants of the fleet, by name and place. It is empty when all of them hold. */
  check(): Promise<readonly string[]>;
  /**
   * Lets writers in again that an upgrade has blocked, where no agent is left to do it. Returns false when none were
   * blocked.
   * @param options.force also while an upgrade is active, or where no upgrade is known to have blocked them. Default:
   *   false
   * @throws LockstepError `upgrade-active`: its end lets them in
   */
  allowWrites(options?: { force?: boolean }): Promise<boolean>;
  /**
   * The present status, then the status after each change, until the loop over it is left. Nothing comes while the
   * database does not answer.
   * @throws LockstepError `timeout`; the signal's reason
   */
  watch(options?: WatchOptions): AsyncIterable<FleetStatus>;
  close(): Promise<void>;
}

function requireNoUpgrade(versions: Versions | undefined, force: boolean): void {
  if (!versions?.upgradeId || force) return;
  throw new LockstepError(
    "upgrade-active",
    `upgrade ${versions.upgradeId} is active, and its end lets writers in: wait for it or abort it, or use --force; the upgrade will detect what they write`,
    { upgradeId: versions.upgradeId },
  );
}

/** @throws LockstepError `no-version`, `record-broken` */
async function status(fleet: OpenFleet): Promise<FleetStatus> {
  await requireDeclared(fleet);
  return readStatus(fleet.store);
}

async function* watchStatus(
  fleet: OpenFleet,
  { timeoutMs, signal = new AbortController().signal }: WatchOptions,
): AsyncGenerator<FleetStatus> {
  const { store, clock } = fleet;
  const wakeUp = createWakeUp(clock);
  const unsubscribe = store.watch(() => wakeUp.hint());
  const endMs = clock.monotonicMs() + (timeoutMs ?? limits.watchTimeoutMs);
  try {
    for (;;) {
      const seen = await undefinedIfUnreachable(() => status(fleet));
      if (seen) yield seen;
      signal.throwIfAborted();
      if (clock.monotonicMs() > endMs) {
        throw new LockstepError(
          "timeout",
          "the time for waiting is over, and the work goes on: see `lockstep status`",
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
  /** The database of the engine whose figures are read. Default: the application's database. */
  engineDatabase?: string;
  /** The time to wait for the database, in milliseconds. Default: 30,000. */
  serverSelectionTimeoutMs?: number;
  /** The time to wait for a master's answer and for a majority, in milliseconds. Default: 30,000. */
  answerTimeoutMs?: number;
  /** Ends a wait for an answer. Default: none. */
  signal?: AbortSignal;
  /** The clock, for tests. Default: the real one. */
  clock?: Clock;
  /** The randomness, for tests. Default: the real one. */
  random?: Random;
}): Promise<FleetClient> {
  const { clock = systemClock, random = systemRandom } = options;
  const waitMs = options.answerTimeoutMs ?? limits.answerTimeoutMs;
  const fleet = await openFleet({
    ...{ mongoUrl: options.mongoUrl, fleet: options.fleet, appName: "lockstep:client", clock },
    serverSelectionTimeoutMs: options.serverSelectionTimeoutMs,
    writeTimeoutMs: waitMs,
  });
  const { client, store } = fleet;
  const control = controlOf(fleet);
  const films = new FilmReader(store);
  const figures = new FiguresReader(fleet, options.engineDatabase ?? fleet.databaseName);
  const requireMajority = () => requireMajorityWrite(control, waitMs);

  const request: FleetClient["request"] = async (wanted) => {
    await requireDeclared(fleet);
    await checkMajority(client);
    await requireMajority();
    await requireRecords(store);
    options.signal?.throwIfAborted();
    const asking = { store, clock, waitMs, signal: options.signal };
    return askMaster(asking, random.hex(12), wanted);
  };

  return {
    async init(version, { newDatabase = false } = {}) {
      requireSemver(version);
      await requireRights(client, "init", fleet);
      if (!newDatabase && !(await readVersions(store))) {
        await requireExistingDatabase(client, fleet.databaseName);
      }
      await requireMajority();
      await registerFleet(client, fleet, noFaults);
      return initializeVersions(store, version);
    },
    request,
    async upgrade(to, { deadlines = {} } = {}) {
      const answer = await request({ kind: "upgrade", to, deadlines: { ...deadlines } });
      return { upgradeId: answer.upgradeId ?? "", message: answer.message };
    },
    plan: (to, { steps, deadlines = {} }) => makePlan(fleet, { to, steps, deadlines }),
    async apply(plan, { steps }) {
      requireSameFleet(plan, fleet);
      requireSameGeneration(plan, await requireDeclared(fleet));
      const { to, deadlines, generation } = plan;
      const present = await makePlan(fleet, { to, steps, deadlines });
      requirePlanHolds(plan, present);
      requireChecks(present);
      const wanted = { kind: "upgrade", to, deadlines: { ...deadlines }, generation } as const;
      const answer = await request(wanted);
      return { upgradeId: answer.upgradeId ?? "", message: answer.message };
    },
    status: () => status(fleet),
    async history() {
      await requireDeclared(fleet);
      return readHistory(store);
    },
    async film(upgradeId) {
      await requireDeclared(fleet);
      return films.read(upgradeId);
    },
    figures: () => figures.read(),
    async explain(agent) {
      await requireDeclared(fleet);
      return explain(await readExplainFacts(store), agent);
    },
    async allowWrites({ force = false } = {}) {
      requireNoUpgrade(force ? undefined : await requireDeclared(fleet), force);
      await requireMajority();
      const isWanted = async () => force || !(await readVersions(store))?.upgradeId;
      const block = { client, control, faultPoints: noFaults };
      const lifted = await allowWrites(block, isWanted, force);
      // An upgrade may have been accepted in between, and have blocked them itself.
      if (!lifted) requireNoUpgrade(await readVersions(store), force);
      return lifted;
    },
    check: async () => fleetInvariants(await readFleetFacts(store)),
    watch: (watching = {}) => watchStatus(fleet, watching),
    async close() {
      await figures.close();
      await fleet.close();
    },
  };
}
