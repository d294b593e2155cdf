// Aim: an actor that a build cannot read is left alone, for a build that can: nothing is appended, no event is
// consumed; what a guard throws stays poison; an actor ends in the protocol in which it began. Method: the engine on
// the memory store, with entries as other builds would have written them; drawn documents for the check itself.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type AnyStateMachine, setup } from "xstate";
import { LockstepError } from "../../src/errors.ts";
import { createEngine, type EngineMachine } from "../../src/fleet-engine/engine.ts";
import { readEntry } from "../../src/fleet-engine/read/read-entry.ts";
import type { Entry } from "../../src/journal/store.ts";
import { silentLog } from "../../src/log.ts";
import { createMemoryStore } from "../support/memory-store.ts";
import { createVirtualClock } from "../support/virtual-clock.ts";

const owner = { kind: "role", role: "master" } as const;
const never = () => new Promise<never>(() => {});

function machineOf(states: readonly string[]): AnyStateMachine {
  const on = { throw: { guard: "explode" as const }, late: {} };
  return setup({
    types: { events: {} as { type: string } },
    actions: { work: () => {} },
    guards: {
      explode: () => {
        throw new LockstepError("invariant-broken", "a guard that throws");
      },
    },
  }).createMachine({
    id: "job",
    initial: states[0] as never,
    states: Object.fromEntries(
      states.map((state, index) => [
        state,
        { entry: [{ type: "work" as const }], on: { ...on, next: states[index + 1] ?? states[0] } },
      ]),
    ) as never,
  }) as never;
}

const now: EngineMachine = {
  machine: machineOf(["first", "second"]),
  protocol: 1,
  effects: { work: never },
};
const next: EngineMachine = {
  machine: machineOf(["first", "between", "second"]),
  protocol: 2,
  effects: { work: never },
};

const clock = createVirtualClock();
const held = (epoch: number) => ({
  ...{ owner, prefix: "", epoch, writes: [] },
  signal: new AbortController().signal,
});
type Machines = Readonly<Record<string, EngineMachine>>;
const engineOf = (store: ReturnType<typeof createMemoryStore>, machines: Machines, build: string) =>
  createEngine({ store, clock, log: silentLog, machines, build, onStuckEffect() {} });

async function journalOf(change: (entry: Entry) => object) {
  const store = createMemoryStore({ now: () => 1_000 });
  const writer = engineOf(store, { job: now }, "2.0.0");
  await writer.own(held(1));
  for (const actor of ["a", "b"]) await writer.create(actor, "job", undefined, { owner });
  const tail = (await store.tail("a")) as Entry;
  await store.append([{ ...tail, revision: 1, ...change({ ...tail }) } as Entry]);
  return store;
}

const others: Readonly<Record<string, (entry: Entry) => object>> = {
  "an unknown machine": () => ({ machine: "elsewhere" }),
  "a machine named as what every object has": () => ({ machine: "constructor" }),
  "an unknown effect": ({ effects }) => ({ effects: [{ ...effects[0], name: "teleport" }] }),
  "another protocol": () => ({ protocol: 7 }),
  "a state that is gone": ({ snapshot }) => ({
    snapshot: snapshot.replace('"value":"first"', '"value":"paused"'),
    state: "paused",
  }),
  "a snapshot that is gone only": ({ snapshot }) => ({
    snapshot: snapshot.replace('"value":"first"', '"value":"paused"'),
  }),
  "a snapshot that is no JSON": () => ({ snapshot: "{" }),
  "a snapshot that is another thing": () => ({ snapshot: "[1]" }),
  "a child": ({ snapshot }) => ({
    snapshot: snapshot.replace('"children":{}', '"children":{"x":{}}'),
  }),
  "an unknown timer event": () => ({
    timers: [{ id: "a/1/0", name: "pause", event: { type: "pauseOver" }, dueAt: 0 }],
  }),
  "no effects": () => ({ effects: undefined }),
  "timers that are none": () => ({ timers: "none" }),
  "no owner": () => ({ owner: undefined }),
  "a status of its own": () => ({ status: "paused" }),
};

describe.each(Object.entries(others))("%s", (_, change) => {
  test("is left alone, its neighbour is not, and the error says which build can", async () => {
    const store = await journalOf(change);
    const reader = engineOf(store, { job: now }, "1.0.0");
    await reader.own(held(2));
    expect((await store.tail("b"))?.outcome).toBe("takeover");
    await expect(reader.send("a", { type: "next" }, { key: "k" })).rejects.toMatchObject({
      code: "entry-not-readable",
      message: expect.stringContaining("2.0.0"),
      details: { actor: "a", revision: 1, build: "2.0.0" },
    });
    const again = reader.create("a", "job", undefined, { owner });
    await expect(again).rejects.toMatchObject({ code: "entry-not-readable" });
    expect(await store.entries("a")).toHaveLength(2);
    expect((await reader.send("b", { type: "next" })).kind).toBe("applied");
  });
});

test("what a guard throws is poison, whatever its error", async () => {
  const store = createMemoryStore({ now: () => 1_000 });
  const engine = engineOf(store, { job: now }, "1.0.0");
  await engine.own(held(1));
  await engine.create("a", "job", undefined, { owner });
  expect((await engine.send("a", { type: "throw" })).kind).toBe("rejected");
});

test("an actor ends in the protocol in which it began: the old build goes on with what the new one wrote", async () => {
  const store = createMemoryStore({ now: () => 1_000 });
  const old = () => engineOf(store, { job: now }, "1.0.0");
  const first = old();
  await first.own(held(1));
  await first.create("a", "job", undefined, { owner });
  const newer = engineOf(store, { job: { ...next, earlier: [now] } }, "2.0.0");
  await newer.own(held(2));
  expect((await newer.send("a", { type: "next" })).entry).toMatchObject({
    ...{ state: "second", protocol: 1, build: "2.0.0" },
  });
  await newer.create("b", "job", undefined, { owner, protocol: 1 });
  const last = old();
  await last.own(held(3));
  for (const actor of ["a", "b"]) {
    expect((await last.send(actor, { type: "next" })).kind).toBe("applied");
  }
  expect((await newer.create("c", "job", undefined, { owner })).entry.protocol).toBe(2);
});

test("no document makes the check throw", () => {
  const keys = ["actor", "revision", "machine", "owner", "snapshot", "state", "timers", "effects"];
  const part = fc.record(Object.fromEntries(keys.map((key) => [key, fc.anything()])), {
    requiredKeys: [],
  });
  fc.assert(
    fc.property(fc.oneof(fc.anything(), part), (document) => {
      readEntry({ job: now }, (document ?? {}) as Entry);
    }),
    // An object without a text of its own.
    { examples: [[{ actor: { toString: [] }, revision: { toString: [] } }]] },
  );
});
