import type { Moved } from "../../src/agent/lifecycle.ts";
import { fileRequest } from "../../src/control/inbox.ts";
import { initializeVersions, readVersions } from "../../src/control/versions.ts";
import type { Store, Versions } from "../../src/journal/store.ts";
import { readFleetFacts } from "../../src/operator/fleet-facts.ts";
import { fleetInvariants } from "../../src/operator/invariants.ts";
import { watchStore } from "../simulation/checks.ts";
import { createDraw } from "../simulation/draw.ts";
import { fair } from "../simulation/environment.ts";
import { createScheduler } from "../simulation/scheduler.ts";
import {
  batchesBetween,
  emptyDatabase,
  type Misbehaviour,
  readData,
} from "../simulation/simulated/data.ts";
import type { Host } from "../simulation/simulated/host.ts";
import { createMemoryStore } from "../support/memory-store.ts";
import { createInterruptedHost, createWriteLog, type Interruption } from "./interrupted-host.ts";

const [from, to] = ["1.0.0", "1.1.0"];
const agents = ["a1", "a2", "a3"];
/** Simulated time in which a fleet has to come to rest. */
const restMsMax = 15 * 60_000;

/** One upgrade, as it goes when nothing is interrupted. */
interface Scenario {
  readonly end: "done" | "rolled-back";
  readonly misbehaviour: Misbehaviour;
  /** An operator aborts it as soon as it migrates. */
  readonly isAborted: boolean;
  /** An operator pauses it as soon as it migrates, and resumes it. */
  readonly isPaused: boolean;
}

const wellBehaved: Scenario = {
  end: "done",
  misbehaviour: { kind: "none", batch: 0, host: 0 },
  isAborted: false,
  isPaused: false,
};

export const scenarios = {
  happy: wellBehaved,
  "fails in rehearsal": {
    ...wellBehaved,
    end: "rolled-back",
    misbehaviour: { kind: "fails-in-rehearsal", batch: 0, host: 0 },
  },
  "fails while migrating": {
    ...wellBehaved,
    end: "rolled-back",
    misbehaviour: { kind: "fails", batch: 1, host: 0 },
  },
  "fails after the migration": {
    ...wellBehaved,
    end: "rolled-back",
    misbehaviour: { kind: "local-fails", batch: 0, host: 1 },
  },
  aborted: { ...wellBehaved, end: "rolled-back", isAborted: true },
  "paused and resumed": { ...wellBehaved, isPaused: true },
} satisfies Record<string, Scenario>;

export interface InterruptedRun {
  /** All durable writes of the upgrade, in their order. */
  readonly writes: readonly string[];
  readonly end: string;
  /** The breaches at the end, in words. */
  readonly problems: readonly string[];
}

/** The breaches of a fleet that is at rest. */
async function problemsAtRest(
  store: Store,
  hosts: readonly Host[],
  written: { readonly acknowledged: number; readonly attempted: number },
): Promise<string[]> {
  const problems = [...fleetInvariants(await readFleetFacts(store))];
  const { agentVersion } = (await readVersions(store)) as Versions;
  const { applied, application } = await readData(store);
  const expected = batchesBetween(from, agentVersion).map((name) => [name, 1]);
  const found = JSON.stringify(Object.entries(applied).toSorted());
  if (found !== JSON.stringify(expected)) {
    problems.push(`S7/S9: on ${agentVersion} the data has ${found}`);
  }
  if (application < written.acknowledged || application > written.attempted) {
    problems.push(`lost writes: ${application} of ${JSON.stringify(written)}`);
  }
  for (const { name, disk } of hosts) {
    const onDisk = {
      file: disk.files.get("state"),
      wanted: disk.wanted,
      fallback: disk.fallback,
      stepsVersion: disk.stepsVersion,
    };
    for (const [what, value] of Object.entries(onDisk)) {
      if (value !== agentVersion) problems.push(`${name}: its ${what} is of ${value}`);
    }
    const open = [...disk.local.keys()];
    if (open.length > 0) problems.push(`${name}: its local journal still holds ${open}`);
  }
  return problems;
}

/** Runs one upgrade of three hosts to its rest, one durable write interrupted, and nothing else. */
export async function runInterrupted(
  scenario: Scenario,
  interruption: Interruption | null,
): Promise<InterruptedRun> {
  const scheduler = createScheduler();
  const log = createWriteLog(interruption);
  const memory = createMemoryStore({ now: () => Math.floor(1_000_000 + scheduler.nowMs()) });
  let [isMigrating, end] = [false, ""];
  const problems: string[] = [];
  const hosts: Host[] = [];
  const { store, started, believed } = watchStore(memory, {
    problem: (words) => problems.push(words),
    onEntry({ machine, state }) {
      if (machine !== "upgrade") return;
      end = state;
      isMigrating ||= state === "migrating";
    },
    holders: (upgradeId, time) =>
      hosts.filter(({ disk }) => disk.copies.get(upgradeId)?.time === time).length,
    openHosts: () => hosts.filter(({ gateIsOpen }) => gateIsOpen).map(({ name }) => name),
  });
  const written = { acknowledged: 0, attempted: 0 };
  let trouble = "";
  const around = {
    ...{ scheduler, store, draw: createDraw(1), versions: [from, to] },
    networkFaults: fair,
    ...{ primary: { dying: null }, written, started },
    believed: (moved: Moved) => void believed(moved),
    misbehaviour: () => scenario.misbehaviour,
    momentIsGone: () => false,
    trouble: (words: string) => {
      trouble = words;
    },
    problem: (words: string) => void problems.push(words),
    checkReadiness: async () => {},
  };
  await initializeVersions(store, from);
  await store.write(emptyDatabase);
  hosts.push(...agents.map((name) => createInterruptedHost(name, from, around, log)));
  for (const host of hosts) host.start(from);

  const isAtRest = async () => {
    const { upgradeId, agentVersion } = (await readVersions(store)) as Versions;
    const records = await store.list("agents");
    return (
      upgradeId === null &&
      hosts.every(({ gateIsOpen, running }) => gateIsOpen && running === agentVersion) &&
      records.length === agents.length &&
      records.every(({ owes }) => owes === null) &&
      (await store.tails("")).every(({ status, effects }) => status !== "active" && !effects.length)
    );
  };
  const untilRest = async () => {
    const lastMs = scheduler.nowMs() + restMsMax;
    while (scheduler.nowMs() < lastMs) {
      await scheduler.run(scheduler.nowMs() + 500);
      if (await isAtRest()) return true;
    }
    return false;
  };

  if (!(await untilRest())) problems.push("the fleet did not start");
  log.begin();
  await fileRequest(memory, "request-1", { kind: "upgrade", to, deadlines: {} });
  if (scenario.isAborted || scenario.isPaused) {
    await scheduler.run(scheduler.nowMs() + restMsMax, () => isMigrating);
    const kind = scenario.isAborted ? "abort" : "pause";
    await fileRequest(memory, "request-2", { kind, why: "as ordered" });
  } else await scheduler.run(scheduler.nowMs() + restMsMax, () => end !== "");
  if (scenario.isPaused) {
    await scheduler.run(scheduler.nowMs() + restMsMax, () => end === "paused");
    if (end !== "paused") problems.push(`not paused, but ${end}`);
    await fileRequest(memory, "request-3", { kind: "resume" });
  }
  if (!(await untilRest())) {
    const tails = await store.tails("");
    const states = tails.map(({ actor, state, effects }) => {
      return `${actor} ${state} (${effects.map(({ name }) => name)})`;
    });
    problems.push(`no rest: ${states.join("; ")}; last trouble: ${trouble}`);
  } else problems.push(...(await problemsAtRest(store, hosts, written)));
  const write = log.writes[(interruption?.at ?? 0) - 1] ?? "";
  // A step whose disk fails has failed, though the write took effect: that is its verdict.
  const hasFailed = interruption?.kind === "loses the answer of" && write.includes("its");
  if (end !== scenario.end && !(hasFailed && end === "rolled-back")) {
    problems.push(`ended ${end || "before it began"}, not ${scenario.end}`);
  }
  for (const host of hosts) host.leave();
  return { writes: log.writes, end, problems };
}
