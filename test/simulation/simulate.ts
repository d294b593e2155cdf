import { createHash } from "node:crypto";
import { messageOf } from "../../src/errors.ts";
import { createMemoryStore } from "../../src/store/memory-store.ts";
import {
  collections,
  documentIds,
  type Entry,
  type Store,
  type Versions,
} from "../../src/store/store.ts";
import { readFleetFacts } from "../../src/upgrade/fleet-facts.ts";
import { fileRequest, type Request, readAnswer } from "../../src/upgrade/inbox.ts";
import { fleetInvariants } from "../../src/upgrade/invariants.ts";
import { initializeVersions, readVersions } from "../../src/upgrade/versions.ts";
import { type Watched, watchStore } from "./checks.ts";
import { createDraw } from "./draw.ts";
import { createVisits, inject } from "./inject.ts";
import { drawPlan, firstVersion, inWords, type Plan, versions } from "./plan.ts";
import { createScheduler, type Scheduler } from "./scheduler.ts";
import { dataDocument, type Misbehaviour, readData } from "./simulated-data.ts";
import { createHost, type Host } from "./simulated-host.ts";

export interface SimulationResult {
  readonly seed: number;
  /** What went wrong, in words; empty when all went right. */
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
const deadlines = {
  ...{ waitingMs: 30_000, backingUpMs: 60_000, noProgressMs: 20_000 },
  ...{ peersMs: 30_000, rollingBackMs: 60_000 },
};
const well: Misbehaviour = { kind: "none", batch: 0, host: 0 };

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
  readonly watched: Watched;
  readonly hosts: Host[];
  readonly problems: string[];
  note(what: string): void;
  problem(words: string): void;
  ask(request: Request): Promise<string>;
  versions(): Promise<Versions>;
  /** Everybody is open on one version and owes nothing. */
  isAtRest(): Promise<boolean>;
}

/** Runs what a plan says: the same plan is the same run. */
export async function simulatePlan(
  plan: Plan,
  onEntry: (entry: Entry) => void = () => {},
): Promise<SimulationResult> {
  const scheduler = createScheduler();
  const draw = createDraw(plan.seed);
  const weather = { ...plan.weather };
  const timeline: string[] = [];
  const problems: string[] = [];
  const hosts: Host[] = [];
  const trace = createHash("sha256");
  const visits = createVisits(scheduler);
  const primary: { dying: Promise<void> | null } = { dying: null };
  let [lastTrouble, asked, faulty, momentsGoneUntilMs] = ["", 0, true, 0];
  let databaseAheadMs = 10_000_000;
  const written = { acknowledged: 0, attempted: 0 };
  const stamp = () => `${(scheduler.nowMs() / 1000).toFixed(3)} s`;
  const note = (what: string) => void timeline.push(`${stamp()} ${what}`);
  const problem = (words: string) => {
    if (problems.length < 20) problems.push(`${stamp()} ${words}`);
  };

  const memory = createMemoryStore({ now: () => Math.floor(databaseAheadMs + scheduler.nowMs()) });
  const watched = watchStore(memory, {
    problem,
    onEntry(entry) {
      onEntry(entry);
      trace.update(
        `${entry.actor}@${entry.revision} ${entry.event.type} ${entry.state} ${entry.at}\n`,
      );
      if (entry.machine === "upgrade" && entry.outcome === "applied") {
        note(`${entry.actor}: ${entry.event.type}: ${entry.state} (epoch ${entry.epoch})`);
        visits.entered(entry.state);
      }
    },
    holders: (upgrade, time) =>
      hosts.filter(({ disk }) => disk.copies.get(upgrade)?.time === time || disk.isTampered).length,
    openHosts: () => hosts.filter(({ gateIsOpen }) => gateIsOpen).map(({ name }) => name),
  });
  const { store } = watched;
  await initializeVersions(store, firstVersion);
  await store.write([
    { ...dataDocument, expect: null, set: { applied: {}, application: 0, foreign: 0 } },
  ]);

  const run: Run = {
    ...{ plan, scheduler, watched, hosts, problems, note, problem },
    async ask(request) {
      asked += 1;
      note(`asked: ${JSON.stringify(request)}`);
      const id = `request-${asked}`;
      await fileRequest(store, id, request);
      return id;
    },
    versions: async () => (await readVersions(store)) as Versions,
    async isAtRest() {
      const { upgrade, agentVersion } = await run.versions();
      const owing = (await store.list(collections.agents)).some(
        ({ owes, forgotten }) => owes !== null && !forgotten,
      );
      const isHome = ({ gateIsOpen, running }: Host) => gateIsOpen && running === agentVersion;
      return upgrade === null && !owing && present(hosts).every(isHome);
    },
  };
  const misbehaviours = new Map(plan.asks.map(({ to, misbehaviour }) => [to, misbehaviour]));
  const around = {
    ...{ scheduler, draw, weather, primary, store, versions },
    misbehaviour: (to: string) => (faulty ? (misbehaviours.get(to) ?? well) : well),
    momentIsGone: () => scheduler.nowMs() < momentsGoneUntilMs,
    written,
    trouble(words: string) {
      lastTrouble = words;
    },
    started: watched.started,
    believed: (entry: Parameters<Watched["believed"]>[0]) => void watched.believed(entry),
  };
  const join = () => {
    const host = createHost(`a${hosts.length + 1}`, firstVersion, around);
    hosts.push(host);
    host.start(firstVersion);
  };
  for (let count = 0; count < plan.hosts; count += 1) join();
  inject(
    plan,
    visits,
    {
      ...{ scheduler, hosts, note },
      join: () => (hosts.length < plan.hosts + 2 ? join() : undefined),
      async master() {
        const lease = await memory.get(collections.leases, documentIds.master);
        return hosts.find(({ name }) => name === lease?.["holder"]);
      },
      failOver(aheadMs) {
        if (primary.dying) return;
        primary.dying = scheduler.sleep(500 + Math.abs(aheadMs % 2_500)).then(() => {
          primary.dying = null;
          databaseAheadMs += aheadMs;
        });
      },
      loseMoments(ms) {
        momentsGoneUntilMs = scheduler.nowMs() + ms;
      },
      ask: async (request) => void (await run.ask(request)),
    },
    () => !faulty,
  );
  void operate(run);
  await walkThrough(run);

  faulty = false;
  momentsGoneUntilMs = 0;
  note("no more faults");
  Object.assign(weather, { typicalMs: 3, slow: 0, slowMs: 1, lost: 0, answerLost: 0, doubled: 0 });
  for (const host of hosts) host.heal();
  bringCopiesBack(hosts);
  await comeToRest(run, () => lastTrouble);
  if (problems.length === 0) await upgradeOnceMore(run);
  await checkTheEnd(run, written);
  const simulatedMs = scheduler.nowMs();
  for (const host of hosts) host.leave();
  return {
    ...{ seed: plan.seed, problems, simulatedMs, trace: trace.digest("hex") },
    timeline: [...plan.faults.map((fault) => `plan: ${inWords(fault)}`), ...timeline],
    ends: [...watched.tails.values()]
      .filter(({ machine }) => machine === "upgrade")
      .map(({ state }) => state),
  };
}

/** Somebody mends or brings back each copy on one of the hosts that had it. */
function bringCopiesBack(hosts: readonly Host[]): void {
  const back = new Set<string>();
  for (const host of present(hosts)) {
    for (const upgrade of host.brokenCopies()) {
      if (!back.has(upgrade)) host.mendCopy(upgrade);
      back.add(upgrade);
    }
  }
}

const present = (hosts: readonly Host[]) => hosts.filter(({ isGone }) => !isGone);

/** An operator: retries what is blocked, and forgets who is gone for good. */
async function operate(run: Run): Promise<void> {
  for (;;) {
    await run.scheduler.sleep(5_000);
    const isBlocked = [...run.watched.tails.values()].some(
      ({ state, status }) => state === "blocked" && status === "active",
    );
    const records = await run.watched.store.list(collections.agents);
    if (isBlocked || records.some(({ blocked }) => blocked)) await run.ask({ kind: "retry" });
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
    if (accepted && (await run.versions()).upgrade === null) return;
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

async function comeToRest(run: Run, lastTrouble: () => string): Promise<void> {
  const { scheduler, watched, hosts, problem } = run;
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
  problem(`last trouble: ${lastTrouble()}`);
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
  run.problem(`L1: no upgrade without any fault: ${tail?.state}, ${tail?.snapshot}`);
}

async function checkTheEnd(
  run: Run,
  written: { acknowledged: number; attempted: number },
): Promise<void> {
  const { application } = await readData(run.watched.store);
  if (application < written.acknowledged || application > written.attempted) {
    run.problem(`lost writes: ${application} of ${JSON.stringify(written)}`);
  }
  const { agentVersion } = await run.versions();
  for (const { name, disk } of present(run.hosts)) {
    const found = disk.files.get("state");
    if (found !== agentVersion) run.problem(`${name}: its file is of ${found}`);
  }
  try {
    const store: Store = run.watched.store;
    for (const words of fleetInvariants(await readFleetFacts(store))) run.problem(words);
  } catch (error) {
    run.problem(messageOf(error));
  }
}
