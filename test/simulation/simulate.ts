import { createHash } from "node:crypto";
import type { AgentContext } from "../../machines/agent-context.ts";
import { agentInvariants, upgradeInvariants } from "../../machines/invariants.ts";
import type { UpgradeContext } from "../../machines/upgrade-context.ts";
import { messageOf } from "../../src/errors.ts";
import { createMemoryStore } from "../../src/store/memory-store.ts";
import type { Entry, Store, Versions } from "../../src/store/store.ts";
import { readFleetFacts } from "../../src/upgrade/fleet-facts.ts";
import { fileRequest } from "../../src/upgrade/inbox.ts";
import { fleetInvariants } from "../../src/upgrade/invariants.ts";
import { coordinatorPrefix } from "../../src/upgrade/names.ts";
import { initializeVersions, readVersions } from "../../src/upgrade/versions.ts";
import { contextOf } from "../../src/upgrade/views.ts";
import { createDraw, type Draw } from "./draw.ts";
import type { Weather } from "./life.ts";
import { createScheduler } from "./scheduler.ts";
import { batchesBetween, dataDocument, type Misbehaviour, readData } from "./simulated-data.ts";
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

const first = "1.0.0";
const safetyMs = 90_000;
/** How long a fleet without faults may take to come to rest. */
const livenessMs = 15 * 60_000;
const deadlines = {
  waitingMs: 30_000,
  backingUpMs: 60_000,
  noProgressMs: 20_000,
  peersMs: 30_000,
  rollingBackMs: 60_000,
};
const clear: Weather = { slow: 0, slowMs: 1, lost: 0, answerLost: 0, killAtWrite: 0 };

/** Swarm testing: each run has some kinds of faults only, so that each gets deep somewhere. */
function drawWeather(draw: Draw): Weather {
  const some = (value: number) => (draw.chance(0.5) ? value * draw.part() : 0);
  return {
    slow: some(0.3),
    slowMs: 50 + draw.below(2_000),
    lost: some(0.03),
    answerLost: some(0.03),
    killAtWrite: some(0.02),
  };
}

function drawMisbehaviour(draw: Draw, to: string): Misbehaviour {
  if (draw.chance(0.6)) return { kind: "none", batch: 0 };
  const kind = draw.pick(["fails", "fails-in-rehearsal", "hangs", "kills"] as const);
  return { kind, batch: draw.below(batchesBetween(first, to).length) };
}

const seenOf = <Context>(entry: Entry) => ({
  state: entry.state,
  context: contextOf<Context>(entry),
});

/** What every transition must keep, as it is journalled. */
function broken(before: Entry | undefined, entry: Entry): readonly string[] {
  if (before === undefined) return [];
  const words =
    entry.machine === "upgrade"
      ? upgradeInvariants(seenOf<UpgradeContext>(before), seenOf<UpgradeContext>(entry))
      : agentInvariants(
          seenOf<AgentContext>(before),
          seenOf<AgentContext>(entry),
          entry.event.type,
        );
  return [...words, ...(entry.epoch < before.epoch ? ["S4: an older epoch follows"] : [])].map(
    (name) => `${entry.actor}@${entry.revision}: ${name}`,
  );
}

/** Runs one fleet through its upgrades with the faults of a seed, then without any to its rest. */
export async function simulate(seed: number): Promise<SimulationResult> {
  const draw = createDraw(seed);
  const scheduler = createScheduler();
  const problems: string[] = [];
  const timeline: string[] = [];
  const trace = createHash("sha256");
  const tails = new Map<string, Entry>();
  const hosts: Host[] = [];
  let lastTrouble = "";
  let databaseAheadMs = 1_000_000;
  let [acknowledged, attempted] = [0, 0];
  const note = (what: string) =>
    timeline.push(`${(scheduler.nowMs() / 1000).toFixed(3)} s ${what}`);
  const problem = (words: string) => {
    if (problems.length < 20) problems.push(`${(scheduler.nowMs() / 1000).toFixed(3)} s ${words}`);
  };

  const memory = createMemoryStore({ now: () => Math.floor(databaseAheadMs + scheduler.nowMs()) });
  const store: Store = {
    ...memory,
    async append(entries, writes) {
      const results = await memory.append(entries, writes);
      entries.forEach((entry, index) => {
        if (results[index]?.kind !== "appended") return;
        for (const words of broken(tails.get(entry.actor), entry)) problem(words);
        if (["backing-up", "rehearsing", "migrating", "awaiting-peers"].includes(entry.state)) {
          if (entry.machine === "upgrade") {
            const open = hosts.filter(({ gateIsOpen }) => gateIsOpen).map(({ name }) => name);
            if (open.length > 0) problem(`S2: ${open.join()} open in ${entry.state}`);
          }
        }
        tails.set(entry.actor, entry);
        trace.update(
          `${entry.actor}@${entry.revision} ${entry.event.type} ${entry.state} ${entry.at}\n`,
        );
      });
      return results;
    },
  };
  await initializeVersions(store, first);
  await store.write([
    { ...dataDocument, expect: null, set: { applied: {}, application: 0, foreign: 0 } },
  ]);

  const weather = drawWeather(draw);
  const kinds = {
    kill: draw.chance(0.6),
    pause: draw.chance(0.6),
    leave: draw.chance(0.2),
    breakVersion: draw.chance(0.3),
    damage: draw.chance(0.3),
    jump: draw.chance(0.1),
    disk: draw.chance(0.2) ? 0.3 * draw.part() : 0,
    moment: draw.chance(0.2) ? 0.5 * draw.part() : 0,
    abort: draw.chance(0.3),
  };
  const upgrades = 1 + draw.below(4);
  const versions = Array.from({ length: upgrades + 1 }, (_, minor) => `1.${minor}.0`);
  const misbehaviours = new Map(versions.map((to) => [to, drawMisbehaviour(draw, to)]));
  let faulty = true;
  const around = {
    ...{ scheduler, draw, weather, store, versions },
    misbehaviour: (to: string): Misbehaviour =>
      (faulty ? misbehaviours.get(to) : undefined) ?? { kind: "none", batch: 0 },
    diskFails: () => faulty && draw.chance(kinds.disk),
    momentGone: () => faulty && draw.chance(kinds.moment),
    acknowledged: () => {
      acknowledged += 1;
    },
    attempted: () => {
      attempted += 1;
    },
    trouble: (words: string) => {
      lastTrouble = words;
    },
  };
  for (let index = 1; index <= 3 + draw.below(3); index += 1) {
    hosts.push(createHost(`a${index}`, first, around));
  }
  for (const host of hosts) host.start(first);
  const present = () => hosts.filter(({ isGone }) => !isGone);

  const faults = async () => {
    while (faulty) {
      await scheduler.sleep(500 + draw.below(8_000));
      if (!faulty) return;
      const host = draw.pick(present());
      const wanted = draw.pick(versions);
      if (kinds.kill && draw.chance(0.4)) {
        note(`kill ${host.name}`);
        host.kill();
      } else if (kinds.pause && draw.chance(0.4)) {
        const ms = draw.below(12_000);
        note(`pause ${host.name} for ${ms} ms`);
        host.pause(ms);
      } else if (kinds.leave && present().length > 2 && draw.chance(0.2)) {
        note(`${host.name} leaves for good`);
        host.leave();
      } else if (kinds.breakVersion && draw.chance(0.3)) {
        note(`${wanted} does not come up on ${host.name}`);
        host.broken.add(wanted);
      } else if (kinds.damage && draw.chance(0.3)) {
        note(`the copies of ${host.name} are damaged`);
        for (const copy of host.disk.copies.values()) copy.damaged = true;
      } else if (kinds.jump && draw.chance(0.1)) {
        note("a new primary is an hour ahead");
        databaseAheadMs += 60 * 60_000;
      }
    }
  };

  let asked = 0;
  const ask = async (request: Parameters<typeof fileRequest>[2]) => {
    asked += 1;
    note(`asked: ${request.kind}`);
    await fileRequest(store, `request-${asked}`, request);
  };
  const current = async (): Promise<{ versions: Versions; tail: Entry | undefined }> => {
    const now = (await readVersions(store)) as Versions;
    return {
      versions: now,
      tail: now.upgrade ? tails.get(coordinatorPrefix + now.upgrade) : undefined,
    };
  };
  const people = async () => {
    for (;;) {
      await scheduler.sleep(1_000 + draw.below(5_000));
      const { versions: now, tail } = await current();
      const next = versions[versions.indexOf(now.agentVersion) + 1];
      if (faulty && now.upgrade === null && next !== undefined) {
        await ask({ kind: "upgrade", to: next, deadlines });
      }
      if (faulty && kinds.abort && tail && draw.chance(0.1))
        await ask({ kind: "abort", why: "drawn" });
      const stuck = [...tails.values()].some(
        ({ state, status }) => state === "blocked" && status === "active",
      );
      const records = await store.list("agents");
      if (stuck || records.some(({ blocked }) => blocked)) await ask({ kind: "retry" });
      for (const { name } of hosts.filter(({ isGone }) => isGone)) {
        const record = await store.get("agents", name);
        if (record && !record["forgotten"]) await ask({ kind: "forget", agent: name });
      }
    }
  };
  void faults();
  void people();
  await scheduler.run(safetyMs);

  faulty = false;
  note("no more faults");
  Object.assign(weather, clear);
  for (const host of present()) {
    host.broken.clear();
    for (const copy of host.disk.copies.values()) copy.damaged = false;
  }
  let agentVersion = "";
  const atRest = () =>
    present().every(({ gateIsOpen, running }) => gateIsOpen && running === agentVersion);
  const endMs = scheduler.nowMs() + livenessMs;
  let rested = false;
  while (!rested && scheduler.nowMs() < endMs) {
    await scheduler.run(scheduler.nowMs() + 1_000);
    const { versions: now } = await current();
    agentVersion = now.upgrade === null ? now.agentVersion : "";
    const debts = (await store.list("agents")).filter(
      ({ owes, forgotten }) => owes !== null && !forgotten,
    );
    rested = atRest() && debts.length === 0;
  }

  const { versions: last } = await current();
  if (!rested) {
    const { tail } = await current();
    const states = present().map(
      ({ name, running, gateIsOpen }) => `${name} ${running} ${gateIsOpen ? "open" : "shut"}`,
    );
    const mine = [...tails.values()]
      .filter(({ status }) => status === "active")
      .map(({ actor, state, effects }) => `${actor} ${state} (${effects.map(({ name }) => name)})`);
    problem(`last trouble: ${lastTrouble}`);
    problem(`under way: ${mine.join("; ")}`);
    problem(`records: ${JSON.stringify(await store.list("agents"))}`);
    problem(`L1/L3: no rest: ${JSON.stringify(last)}, ${tail?.state}, ${states.join(", ")}`);
  } else {
    const data = await readData(store);
    const expected = Object.fromEntries(
      batchesBetween(first, last.agentVersion).map((name) => [name, 1]),
    );
    const sorted = (counts: object) => JSON.stringify(Object.entries(counts).toSorted());
    if (sorted(data.applied) !== sorted(expected)) {
      problem(`S7/S9: on ${last.agentVersion} the data has ${sorted(data.applied)}`);
    }
    if (data.application < acknowledged || data.application > attempted) {
      problem(
        `lost writes: ${data.application} of ${acknowledged} acknowledged, ${attempted} attempted`,
      );
    }
    for (const { name, disk } of present()) {
      const found = disk.files.get("state");
      if (found !== last.agentVersion) problem(`${name}: its file is of ${found}`);
    }
  }
  try {
    for (const words of fleetInvariants(await readFleetFacts(store))) problem(words);
  } catch (error) {
    problem(messageOf(error));
  }
  const simulatedMs = scheduler.nowMs();
  for (const host of hosts) host.leave();
  return {
    seed,
    problems,
    trace: trace.digest("hex"),
    simulatedMs,
    timeline,
    ends: [...tails.values()]
      .filter(({ machine }) => machine === "upgrade")
      .map(({ state }) => state),
  };
}
