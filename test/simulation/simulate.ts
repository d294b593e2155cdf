import type { UpgradeContext } from "../../machines/upgrade-context.ts";
import { coordinatorId } from "../../src/control/ids.ts";
import { type FleetRequest, fileRequest, readAnswer } from "../../src/control/inbox.ts";
import { initializeVersions, readVersions } from "../../src/control/versions.ts";
import { messageOf } from "../../src/errors.ts";
import {
  collections,
  documentIds,
  type Entry,
  type Store,
  type Versions,
} from "../../src/journal/store.ts";
import { readFleetFacts } from "../../src/operator/fleet-facts.ts";
import { fleetInvariants } from "../../src/operator/invariants.ts";
import { contextOf } from "../../src/upgrade/fleet-journal.ts";
import { createMemoryStore } from "../support/memory-store.ts";
import { type Watched, watchStore } from "./checks.ts";
import { createEnvironment, type Environment } from "./environment.ts";
import { createVisits, inject, type Visits } from "./inject.ts";
import { drawPlan, firstVersion, inWords, type Plan, versions } from "./plan.ts";
import { createRunLog, type RunLog } from "./run-log.ts";
import { createScheduler, type Scheduler } from "./scheduler.ts";
import { batchesBetween, dataDocument, emptyDatabase, readData } from "./simulated/data.ts";
import { copyName } from "./simulated/disk.ts";
import { createHost, type Host } from "./simulated/host.ts";

export interface SimulationResult {
  readonly seed: number;
  /** The breaches, in words; empty when all went right. */
  readonly problems: readonly string[];
  /** SHA-256 over everything that was journalled: the same for a seed each time. */
  readonly trace: string;
  readonly simulatedMs: number;
  /** The faults that were injected, and what people asked for, with their times. */
  readonly timeline: readonly string[];
  /** How each upgrade ended. */
  readonly ends: readonly string[];
}

/** How long one upgrade may take with all faults of its plan, and how long a fleet without any to rest. */
const upgradeMs = 4 * 60_000;
const livenessMs = 15 * 60_000;
/** How often an operator asks again before it looks for a copy somewhere else. */
const retriesWithoutCopies = 4;
const deadlines = {
  ...{ waitingMs: 30_000, backingUpMs: 60_000, noProgressMs: 20_000 },
  ...{ pausedMs: 20_000, peersMs: 30_000, silentMs: 15_000, rollingBackMs: 60_000 },
};

/** Runs one fleet through its upgrades with the faults of a seed, then without any to its rest. */
export function simulate(
  seed: number,
  onEntry: (entry: Entry) => void = () => {},
): Promise<SimulationResult> {
  return simulatePlan(drawPlan(seed), onEntry);
}

/** Everything of one run. */
interface Run {
  readonly plan: Plan;
  readonly scheduler: Scheduler;
  readonly environment: Environment;
  readonly runLog: RunLog;
  readonly watched: Watched;
  readonly visits: Visits;
  readonly hosts: Host[];
  /** The applications' writes. */
  readonly written: { acknowledged: number; attempted: number };
  /** The last that an agent complained of. */
  trouble: string;
  join(): void;
  ask(request: FleetRequest): Promise<string>;
  versions(): Promise<Versions>;
  /** Everybody is open on one version and owes nothing. */
  isAtRest(): Promise<boolean>;
}

function createRun(plan: Plan, onEntry: (entry: Entry) => void): Run {
  const scheduler = createScheduler();
  const [environment, runLog] = [createEnvironment(plan, scheduler), createRunLog(scheduler)];
  const [hosts, visits]: [Host[], Visits] = [[], createVisits(scheduler)];
  const written = { acknowledged: 0, attempted: 0 };
  const watched = watchStore(createMemoryStore({ now: environment.databaseNowMs }), {
    problem: runLog.problem,
    onEntry(entry, before) {
      onEntry(entry);
      runLog.journalled(entry);
      const { actor, machine, event, outcome, state, epoch } = entry;
      if (machine !== "upgrade" || outcome !== "applied") return;
      runLog.note(`${actor}: ${event.type}: ${state} (epoch ${epoch})`);
      if (before?.state !== state) visits.entered(state);
    },
    holders: (upgradeId, time) =>
      hosts.filter(({ disk: { copies, tampered } }) => {
        const copy = copies.get(upgradeId);
        return (copy?.time === time && !copy.damaged) || tampered.has(copyName(upgradeId, time));
      }).length,
    openHosts: () => hosts.filter(({ gateIsOpen }) => gateIsOpen).map(({ name }) => name),
  });
  const { store } = watched;
  let asked = 0;
  const run: Run = {
    ...{ plan, scheduler, environment, runLog, watched, visits, hosts, written, trouble: "" },
    join() {
      const host = createHost(`a${hosts.length + 1}`, firstVersion, {
        ...{ scheduler, store, versions, written, started: watched.started },
        ...{
          draw: environment.draw,
          networkFaults: environment.networkFaults,
          primary: environment.primary,
        },
        ...{ misbehaviour: environment.misbehaviour, momentIsGone: environment.momentIsGone },
        trouble(words) {
          run.trouble = words;
        },
        problem: runLog.problem,
        async checkReadiness(name, version) {
          const { applied } = await readData(store);
          const { upgradeId } = await run.versions();
          const tail = watched.tails.get(coordinatorId(upgradeId ?? ""));
          // An agent that has not heard yet that the fleet turns back may check all the same.
          if (tail?.state !== "awaiting-peers") return;
          const { required } = contextOf<UpgradeContext>(tail);
          const open = hosts.filter(
            (one) => one.gateIsOpen && required.some(({ agent }) => agent === one.name),
          );
          const names = open.map((one) => one.name);
          if (open.length > 0) runLog.problem(`S2: ${name} checks readiness, open: ${names}`);
          const missing = batchesBetween(firstVersion, version).filter((one) => applied[one] !== 1);
          if (missing.length > 0) {
            runLog.problem(`S5: ${name} checks readiness without ${missing}`);
          }
        },
        believed: (moved) => void watched.believed(moved),
      });
      hosts.push(host);
      host.start(firstVersion);
    },
    async ask(request) {
      asked += 1;
      runLog.note(`asked: ${JSON.stringify(request)}`);
      const id = `request-${asked}`;
      await fileRequest(store, id, request);
      return id;
    },
    versions: async () => (await readVersions(store)) as Versions,
    async isAtRest() {
      const { upgradeId, agentVersion } = await run.versions();
      const owing = (await store.list(collections.agents)).some(
        ({ owes, forgotten }) => owes !== null && !forgotten,
      );
      const gone = hosts.filter(({ isGone }) => isGone).map(({ name }) => `participant/${name}/`);
      const pending = [...watched.tails.values()].some(
        ({ actor, effects }) =>
          effects.length > 0 && !gone.some((prefix) => actor.startsWith(prefix)),
      );
      const isHome = ({ gateIsOpen, running }: Host) => gateIsOpen && running === agentVersion;
      return upgradeId === null && !owing && !pending && present(hosts).every(isHome);
    },
  };
  return run;
}

/** Runs what a plan says: the same plan is the same run. */
export async function simulatePlan(
  plan: Plan,
  onEntry: (entry: Entry) => void = () => {},
): Promise<SimulationResult> {
  const run = createRun(plan, onEntry);
  const { scheduler, runLog, watched, hosts } = run;
  try {
    await runToTheEnd(run);
  } catch (error) {
    runLog.problem(`thrown: ${messageOf(error)}`);
  }
  const simulatedMs = scheduler.nowMs();
  for (const host of hosts) host.leave();
  return {
    ...{ seed: plan.seed, problems: runLog.problems, simulatedMs, trace: runLog.trace() },
    timeline: [...plan.faults.map((fault) => `plan: ${inWords(fault)}`), ...runLog.timeline],
    ends: [...watched.tails.values()]
      .filter(({ machine }) => machine === "upgrade")
      .map(({ state }) => state),
  };
}

async function runToTheEnd(run: Run): Promise<void> {
  const { plan, environment, runLog, watched, hosts } = run;
  await initializeVersions(watched.store, firstVersion);
  await watched.store.write(emptyDatabase);
  for (let count = 0; count < plan.hosts; count += 1) run.join();
  injectInto(run);
  void operate(run);
  await walkThrough(run);

  environment.calm();
  runLog.note("no more faults");
  for (const host of hosts) host.heal();
  bringCopiesBack(hosts);
  await comeToRest(run);
  if (runLog.problems.length === 0) await upgradeOnceMore(run);
  await checkTheEnd(run);
}

function injectInto(run: Run): void {
  const { plan, scheduler, environment, runLog, watched, hosts } = run;
  const victims = {
    ...{ scheduler, hosts, note: runLog.note },
    ...{ failOver: environment.failOver, loseMoments: environment.loseMoments },
    join: () => (hosts.length < plan.hosts + 2 ? run.join() : undefined),
    async master() {
      const lease = await watched.store.get(collections.leases, documentIds.master);
      return hosts.find(({ name }) => name === lease?.["holder"]);
    },
    ask: async (request: FleetRequest) => void (await run.ask(request)),
    async writeFromOutside() {
      await watched.store.write([{ ...dataDocument, expect: {}, increment: { foreign: 1 } }]);
    },
  };
  inject(plan, run.visits, victims, () => !environment.isFaulty);
}

/** Somebody mends or brings back each upgrade's newest copy, on one of the hosts that had it. */
function bringCopiesBack(hosts: readonly Host[]): void {
  const newest = new Map<string, { host: Host; atMs: number }>();
  for (const host of present(hosts)) {
    for (const { upgradeId, time } of host.brokenCopies()) {
      const atMs = Number.parseInt(time, 10);
      if (atMs > (newest.get(upgradeId)?.atMs ?? 0)) newest.set(upgradeId, { host, atMs });
    }
  }
  for (const [upgradeId, { host }] of newest) host.mendCopy(upgradeId);
}

/** Where that was not enough, an operator puts a copy, also one of a host that is gone, on each host. */
function spreadCopies(hosts: readonly Host[]): void {
  for (const { disk } of hosts) {
    for (const [upgradeId, copy] of [...disk.lost, ...disk.copies]) {
      for (const host of present(hosts)) {
        const known = host.disk.copies.get(upgradeId);
        const isOlder = known && Number.parseInt(known.time, 10) < Number.parseInt(copy.time, 10);
        if (!known || known.damaged || isOlder)
          host.disk.copies.set(upgradeId, { ...copy, damaged: false });
      }
    }
  }
}

const present = (hosts: readonly Host[]) => hosts.filter(({ isGone }) => !isGone);

/** An operator: retries what is blocked, then finds a copy for it, and forgets who is gone for good. */
async function operate(run: Run): Promise<void> {
  for (let retries = 0; ; ) {
    await run.scheduler.sleep(5_000);
    const states = [...run.watched.tails.values()]
      .filter(({ status }) => status === "active")
      .map(({ state }) => state);
    const isBlocked = states.includes("blocked");
    // A retry goes from holder to holder before it is blocked again.
    if (!isBlocked && !states.includes("rolling-back")) retries = 0;
    const records = await run.watched.store.list(collections.agents);
    if (isBlocked) retries += 1;
    if (retries > retriesWithoutCopies) bringCopiesBack(run.hosts);
    if (retries > 2 * retriesWithoutCopies) spreadCopies(run.hosts);
    if (isBlocked || records.some(({ blocked }) => blocked))
      await run.ask({ kind: "retry", discardForeignWrites: true });
    for (const host of present(run.hosts)) {
      // Its machine was provisioned for a version that the fleet did not keep.
      const blocked = records.find(({ _id }) => _id === host.name)?.["blocked"];
      if (String(blocked).includes("put its files right")) await host.replace(true);
    }
    for (const { name } of run.hosts.filter(({ isGone }) => isGone)) {
      const record = records.find(({ _id }) => _id === name);
      if (record && !record["forgotten"]) await run.ask({ kind: "forget", agent: name });
    }
  }
}

/** Asks for an upgrade, again where it is refused, and waits until it has ended or time is over. */
async function upgradeTo(run: Run, to: string): Promise<void> {
  const { scheduler } = run;
  const endMs = scheduler.nowMs() + upgradeMs;
  let id = await run.ask({ kind: "upgrade", to, deadlines });
  let accepted = false;
  while (scheduler.nowMs() < endMs) {
    await scheduler.run(scheduler.nowMs() + 1_000);
    const answer = await readAnswer(run.watched.store, id);
    accepted ||= answer?.ok === true;
    if (accepted && (await run.versions()).upgradeId === null) return;
    if (answer?.ok !== false) continue;
    // Somebody was down just then; or the fleet has come further already.
    if (answer.code === "version-not-higher") return;
    id = await run.ask({ kind: "upgrade", to, deadlines });
  }
}

/** Asks for one upgrade after the other, each once the one before has ended. */
async function walkThrough(run: Run): Promise<void> {
  for (const { restMs, to } of run.plan.asks) {
    await run.scheduler.run(run.scheduler.nowMs() + restMs);
    await upgradeTo(run, to);
  }
}

async function comeToRest(run: Run): Promise<void> {
  const { scheduler, watched, hosts } = run;
  const { problem } = run.runLog;
  const endMs = scheduler.nowMs() + livenessMs;
  while (scheduler.nowMs() < endMs) {
    await scheduler.run(scheduler.nowMs() + 1_000);
    if (await run.isAtRest()) return;
  }
  const states = present(hosts).map(
    ({ name, running, gateIsOpen }) => `${name} ${running} ${gateIsOpen ? "open" : "shut"}`,
  );
  const mine = [...watched.tails.values()]
    .filter(({ status }) => status === "active")
    .map(({ actor, state, effects }) => `${actor} ${state} (${effects.map(({ name }) => name)})`);
  problem(`last trouble: ${run.trouble}`);
  problem(`under way: ${mine.join("; ")}`);
  problem(`records: ${JSON.stringify(await watched.store.list(collections.agents))}`);
  problem(`L1/L3: no rest: ${JSON.stringify(await run.versions())}, ${states.join(", ")}`);
}

/** Nothing was left behind: the fleet can still do what it is there for. */
async function upgradeOnceMore(run: Run): Promise<void> {
  const to = versions.at(-1) ?? "";
  await upgradeTo(run, to);
  const endMs = run.scheduler.nowMs() + livenessMs;
  while (run.scheduler.nowMs() < endMs) {
    if ((await run.versions()).databaseVersion !== to) break;
    if (await run.isAtRest()) return;
    await run.scheduler.run(run.scheduler.nowMs() + 1_000);
  }
  const tail = [...run.watched.tails.values()].findLast(({ machine }) => machine === "upgrade");
  run.runLog.problem(`L1: no upgrade without any fault: ${tail?.state}, ${tail?.snapshot}`);
}

async function checkTheEnd(run: Run): Promise<void> {
  const { written } = run;
  const { problem } = run.runLog;
  const { application } = await readData(run.watched.store);
  if (application < written.acknowledged || application > written.attempted) {
    problem(`lost writes: ${application} of ${JSON.stringify(written)}`);
  }
  const { agentVersion } = await run.versions();
  for (const { name, disk } of present(run.hosts)) {
    const found = { file: disk.files.get("state"), fallback: disk.fallback };
    for (const [what, version] of Object.entries(found)) {
      if (version !== agentVersion) problem(`${name}: its ${what} is of ${version}`);
    }
    const left = [...disk.local.keys()];
    if (left.length > 0) problem(`${name}: its local journal still holds ${left}`);
  }
  try {
    const store: Store = run.watched.store;
    for (const words of fleetInvariants(await readFleetFacts(store))) problem(words);
  } catch (error) {
    problem(messageOf(error));
  }
}
