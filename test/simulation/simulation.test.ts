// Aim: whole fleets through upgrades with every kind of fault, on the real engine, leadership and agent
// code: no invariant breaks, and without faults each comes to rest and can upgrade once more. Method:
// virtual time, memory store, faults drawn from seeds (`npm run simulate` runs thousands).
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { UpgradeContext } from "../../machines/upgrade-context.ts";
import { contextOf } from "../../src/upgrade/fleet-journal.ts";
import { fair, well } from "./environment.ts";
import { runFixedSeeds } from "./fixed-seeds.ts";
import { drawPlan, type Fault, type Plan } from "./plan.ts";
import { shrink } from "./shrink.ts";
import { simulate, simulatePlan } from "./simulate.ts";

test("the same seed is the same run", async () => {
  const [one, other] = [await simulate(5), await simulate(5)];
  expect(one.trace).toBe(other.trace);
  expect(one.timeline).toEqual(other.timeline);
  expect((await simulate(7)).trace).not.toBe(one.trace);
});

test("fixed seeds: ends of both kinds, nothing broken, the edges taken are those that are drawn", async () => {
  const { results, counts } = await runFixedSeeds();
  for (const { seed, problems, timeline } of results) {
    expect(problems, `seed ${seed}\n${timeline.join("\n")}`).toEqual([]);
  }
  const ends = new Set(results.flatMap((result) => result.ends));
  expect([...ends].toSorted()).toEqual(["done", "rolled-back"]);
  // Stale ones are made anew by `npm run counts`.
  expect(counts).toBe(await readFile("diagrams/counts/simulation.json", "utf8"));
});

/** A seed draws other things once the simulation changes, so a plan that found a defect is kept whole. */
const kept = "test/simulation/kept-plans";
test.each(await readdir(kept))("%s, which found a defect, finds none", async (name) => {
  const plan = JSON.parse(await readFile(join(kept, name), "utf8")) as Plan;
  const { problems, timeline } = await simulatePlan(plan);
  expect(problems, timeline.join("\n")).toEqual([]);
});

const quiet = { ...fair, typicalMs: 1 };
const once = [{ restMs: 2_000, to: "1.1.0", misbehaviour: well }];

/** Something happens to a3 at a time. */
const at = (kind: Fault["kind"], atMs: number, ms = 0): Fault => ({
  ...{ kind, whom: 2, ms, version: "1.1.0", when: { atMs } },
});

test("an agent that was away for the whole of an upgrade that turned back undoes its part", async () => {
  // It stops before the upgrade begins, so that it cannot have joined: until then it was heard.
  const faults = [at("pause", 1_900, 120_000)];
  const plan: Plan = { ...drawPlan(1), hosts: 3, networkFaults: quiet, asks: once, faults };
  const { problems, timeline, ends } = await simulatePlan(plan);
  expect(problems, timeline.join("\n")).toEqual([]);
  expect(ends, timeline.join("\n")).toEqual(["rolled-back", "done"]);
});

test("an application that does not drain writes on until its process has left; the upgrade ends done", async () => {
  const faults = [at("hang drain", 1_900, 10_000)];
  const plan: Plan = { ...drawPlan(1), hosts: 3, networkFaults: quiet, asks: once, faults };
  const { problems, timeline, ends } = await simulatePlan(plan);
  expect(problems, timeline.join("\n")).toEqual([]);
  expect(ends, timeline.join("\n")).toEqual(["done", "done"]);
});

test("a silent agent's time is over as the database comes back: it is heard first, and the upgrade ends done", async () => {
  const soon = (delayMs: number) => ({ state: "migrating", visit: 1, delayMs });
  const faults: Fault[] = [
    { ...at("pause", 0, 9_000), when: soon(0) },
    // Meanwhile it is silent. The next primary's clock is past its deadline, and before those of all states.
    { ...at("fail over", 0, 16_000), when: soon(7_000) },
  ];
  const plan: Plan = { ...drawPlan(1), hosts: 3, networkFaults: quiet, asks: once, faults };
  const heard: string[] = [];
  const { problems, timeline, ends } = await simulatePlan(plan, ({ actor, event }) => {
    if (actor === "upgrade/u000002") heard.push(event.type);
  });
  expect(problems, timeline.join("\n")).toEqual([]);
  expect(heard).toContain("participantSilent");
  expect(ends, timeline.join("\n")).toEqual(["done", "done"]);
});

/** The states of the first upgrade in order, and why it went back. */
async function runPaused(faults: readonly Fault[]) {
  const plan: Plan = { ...drawPlan(1), hosts: 3, networkFaults: quiet, asks: once, faults };
  const states: string[] = [];
  let tail: UpgradeContext | undefined;
  const { problems, timeline, ends } = await simulatePlan(plan, (entry) => {
    if (entry.actor !== "upgrade/u000002") return;
    if (states.at(-1) !== entry.state) states.push(entry.state);
    tail = contextOf<UpgradeContext>(entry);
  });
  expect(problems, timeline.join("\n")).toEqual([]);
  return { states, ends, reason: tail?.reason ?? null };
}

test("a master dies in a pause: its successor keeps it, and goes on from there once it is resumed", async () => {
  const pause = at("pause upgrade", 0, 12_000);
  const { states, ends } = await runPaused([
    { ...pause, when: { state: "migrating", visit: 1, delayMs: 0 } },
    { ...at("kill", 0), whom: "master", when: { state: "paused", visit: 1, delayMs: 10 } },
  ]);
  expect(states).toEqual([
    ...["waiting", "backing-up", "rehearsing", "migrating", "paused", "migrating"],
    ...["awaiting-peers", "done"],
  ]);
  expect(ends).toEqual(["done", "done"]);
});

test("nobody resumes: the fleet turns back at the deadline of the pause, also by another master", async () => {
  const pause = at("leave upgrade paused", 0);
  const { states, reason } = await runPaused([
    { ...pause, when: { state: "rehearsing", visit: 1, delayMs: 0 } },
    { ...at("kill", 0), whom: "master", when: { state: "paused", visit: 1, delayMs: 5_000 } },
  ]);
  expect(states.slice(-4)).toEqual(["migrating", "paused", "rolling-back", "rolled-back"]);
  expect(reason).toMatchObject({ code: "timeout", details: { pausedMs: 20_000 } });
});

test("an agent that is stuck on its way to a commit follows the next upgrade, from the version of its files", async () => {
  const fails = { kind: "local-fails", batch: 0, host: 2 } as const;
  const plan: Plan = {
    ...drawPlan(1),
    ...{ hosts: 3, networkFaults: quiet },
    asks: [
      { restMs: 5_000, to: "1.1.0", misbehaviour: fails },
      { restMs: 150_000, to: "1.2.0", misbehaviour: well },
    ],
    // Both upgrades end without a3; between them it follows the first one, and fails.
    faults: [at("pause", 6_000, 90_000), at("forget", 25_000)].concat([
      at("pause", 150_000, 90_000),
      at("forget", 170_000),
    ]),
  };
  const ways: string[] = [];
  const { problems, timeline, ends } = await simulatePlan(plan, ({ actor, state }) => {
    if (actor.startsWith("participant/a3/") && ways.at(-1) !== `${actor} ${state}`) {
      ways.push(`${actor} ${state}`);
    }
  });
  expect(problems, timeline.join("\n")).toEqual([]);
  expect(ends).toEqual(["done", "done", "done"]);
  const stuck = ways.indexOf("participant/a3/u000002 withdrawing") - 1;
  const [first, second] = ["participant/a3/u000002", "participant/a3/u000003"];
  expect(ways.slice(stuck, stuck + 6)).toEqual([
    ...[`${first} blocked`, `${first} withdrawing`, `${first} superseded`],
    ...[`${second} waiting`, `${second} migrating`, `${second} done`],
  ]);
});

test("an agent that missed an upgrade takes no part in the next: it follows, version by version", async () => {
  const plan: Plan = {
    ...drawPlan(1),
    ...{ hosts: 3, networkFaults: quiet },
    asks: [
      { restMs: 5_000, to: "1.1.0", misbehaviour: well },
      { restMs: 1_000, to: "1.2.0", misbehaviour: well },
    ],
    // It comes back while the second is on its way (a mutant says so), and waits for its end.
    faults: [at("pause", 4_000, 19_500), at("forget", 20_000)],
  };
  const ways: string[] = [];
  const { problems, timeline, ends } = await simulatePlan(plan, ({ actor, state }) => {
    if (actor.startsWith("participant/a3/") || actor.startsWith("upgrade/"))
      ways.push(`${actor} ${state}`);
  });
  expect(problems, timeline.join("\n")).toEqual([]);
  expect(ends).toEqual(["done", "done", "done"]);
  const first = ways.findIndex((way) => way.startsWith("participant/a3/"));
  const second = ways.filter((way) => way.startsWith("upgrade/u000003"));
  expect(ways[first]).toBe("participant/a3/u000003 waiting");
  expect(ways.slice(0, first)).toContain(second.at(-1));
});

test("an agent that joins during an upgrade, which does not require it, takes part with its own steps", async () => {
  const when = { state: "waiting", visit: 1, delayMs: 0 };
  const faults: Fault[] = [{ kind: "join", whom: 0, ms: 0, version: "1.0.0", when }];
  const plan: Plan = { ...drawPlan(1), hosts: 3, networkFaults: quiet, asks: once, faults };
  const ways: string[] = [];
  const { problems, timeline, ends } = await simulatePlan(plan, ({ actor, state }) => {
    if (actor === "participant/a4/u000002" && ways.at(-1) !== state) ways.push(state);
  });
  expect(problems, timeline.join("\n")).toEqual([]);
  expect(ways).toEqual([
    ...["waiting", "backing-up", "migrating", "checking-readiness", "awaiting-peers", "done"],
  ]);
  expect(ends).toEqual(["done", "done"]);
});

test.each(["backing-up", "rehearsing", "migrating", "awaiting-peers"])(
  "every process dies in %s, and is of another build of the version afterwards: none of its steps runs, all are back",
  async (state) => {
    const when = { state, visit: 1, delayMs: 2 };
    const faults = [0, 1, 2].map(
      (whom): Fault => ({ kind: "kill", whom, ms: 0, version: "1.1.0", when }),
    );
    const rebuilt = { kind: "rebuilt", batch: 0, host: 0 } as const;
    const asks = [{ restMs: 2_000, to: "1.1.0", misbehaviour: rebuilt }];
    const plan: Plan = { ...drawPlan(1), hosts: 3, networkFaults: quiet, asks, faults };
    const reasons = new Set<unknown>();
    const { problems, timeline, ends } = await simulatePlan(plan, (entry) => {
      if (entry.state === "rolled-back" && entry.machine === "upgrade")
        reasons.add(contextOf<UpgradeContext>(entry).reason?.code);
    });
    expect(problems, timeline.join("\n")).toEqual([]);
    expect([ends, [...reasons]]).toEqual([["rolled-back", "done"], ["steps-differ"]]);
  },
);

/** The worst that a bad build can do: it came up once, and comes up nowhere any more. */
test.each(["backing-up", "rehearsing", "migrating", "awaiting-peers"])(
  "every process dies in %s, and the new version comes up nowhere again: all are back",
  async (state) => {
    const base = { whom: 0, ms: 60_000, version: "1.1.0" };
    const at = (kind: Fault["kind"], whom: Fault["whom"], delayMs: number): Fault => ({
      ...base,
      ...{ kind, whom, when: { state, visit: 1, delayMs } },
    });
    const plan: Plan = {
      ...drawPlan(1),
      ...{ hosts: 3, networkFaults: quiet, asks: once },
      faults: [at("break version", "master", 1), ...[0, 1, 2].map((host) => at("kill", host, 2))],
    };
    const { problems, timeline, ends } = await simulatePlan(plan);
    expect(problems, timeline.join("\n")).toEqual([]);
    expect(ends).toEqual(["rolled-back", "done"]);
  },
);

test.each(["backing-up", "rehearsing", "migrating", "awaiting-peers"])(
  "everybody that an upgrade is for leaves for good in %s: who came later turns it back",
  async (state) => {
    // Asked for so early that a1 alone is there: its seed says so.
    const early = JSON.parse(await readFile(join(kept, "20520.json"), "utf8")) as Plan;
    const when = { state, visit: 1, delayMs: 10 };
    const faults = early.faults.map((fault) => ({ ...fault, when }));
    const { problems, timeline, ends } = await simulatePlan({ ...early, faults });
    expect(problems, timeline.join("\n")).toEqual([]);
    expect(ends).toEqual(["rolled-back", "done"]);
  },
);

test("a disk that is full at the commit: its end is written down once there is room, before the next upgrade", async () => {
  const when = { state: "done", visit: 1, delayMs: 0 };
  const faults: Fault[] = [{ kind: "fill disk", whom: 1, ms: 40_000, version: "1.0.0", when }];
  const asks = [...once, { restMs: 1_000, to: "1.3.0", misbehaviour: well }];
  const plan: Plan = { ...drawPlan(1), hosts: 3, networkFaults: quiet, asks, faults };
  const { problems, timeline, ends } = await simulatePlan(plan);
  expect(problems, timeline.join("\n")).toEqual([]);
  expect(ends).toEqual(["done", "done", "done"]);
});

test("a plan that fails is shrunk to what it fails for", async () => {
  const base = drawPlan(1_003);
  const leave = { kind: "leave", whom: 0, ms: 0, version: "1.0.0" } as const;
  const plan = { ...base, faults: [...base.faults, { ...leave, when: { atMs: 100 } }] };
  // For the test a run fails when a1 has left: the shrunk plan has that one fault and no other.
  const fails = async (of: Plan) =>
    (await simulatePlan(of)).timeline.some((line) => line.includes("leave: a1"));
  const { faults, networkFaults } = await shrink(plan, fails);
  expect(faults).toEqual([plan.faults.at(-1)]);
  const { slow, lost, answerLost, doubled, late } = networkFaults;
  expect([slow, lost, answerLost, doubled, late]).toEqual([0, 0, 0, 0, 0]);
});
