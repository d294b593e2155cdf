// Aim: a caller's key is a caller's, whatever text it is; an event counts as ignored only where the machine did
// nothing. Method: small machines on the memory store.
import { expect, test } from "vitest";
import { raise, setup } from "xstate";
import { createEngine } from "../../src/fleet-engine/engine.ts";
import type { Write } from "../../src/journal/store.ts";
import { limits } from "../../src/limits.ts";
import { silentLog } from "../../src/log.ts";
import { createMemoryStore } from "../support/memory-store.ts";
import { until } from "../support/until.ts";
import { createVirtualClock } from "../support/virtual-clock.ts";

const machine = setup({
  types: { events: {} as { type: string } },
  actions: { work: (_, _params: object) => {} },
  guards: { never: () => false },
}).createMachine({
  id: "any",
  initial: "a",
  entry: [{ type: "work", params: {} }, raise({ type: "late" }, { id: "t", delay: 10 })],
  states: {
    a: {
      on: {
        anew: { target: "a", reenter: true },
        inner: { target: "a" },
        forbidden: {},
        guarded: { guard: "never", target: "b" },
        worked: { target: "a", reenter: true },
        late: { target: "a", reenter: true },
        go: "b",
      },
    },
    b: { on: { go: "a" } },
  },
});

const owner = { kind: "role", role: "master" } as const;

async function opened() {
  const clock = createVirtualClock();
  const store = createMemoryStore({ now: () => clock.monotonicMs() });
  let answer = () => {};
  const asked = new Promise<void>((resolve) => {
    answer = resolve;
  });
  const engine = createEngine({
    ...{ store, clock, log: silentLog },
    machines: {
      any: {
        ...{ machine, protocol: 1 },
        effects: {
          async work() {
            await asked;
            return { type: "worked" };
          },
        },
      },
    },
    onStuckEffect: () => {},
  });
  const { signal } = new AbortController();
  await engine.own({ owner, prefix: "", epoch: 1, signal, writes: [] });
  await engine.create("any/1", "any", undefined, { owner });
  return { engine, store, clock, answer };
}

test.each([
  "any/1/9/0",
  "any/1/0/0",
  "any/1/0/1",
  "any/1/",
  "effect:any/1/0/0",
  "timer:x",
  "caller:x",
])("the key %j of a caller counts once, and answers no effect and no timer", async (key) => {
  const { engine, store, clock, answer } = await opened();
  expect(await engine.send("any/1", { type: "go" }, { key })).toMatchObject({ kind: "applied" });
  expect(await engine.send("any/1", { type: "go" }, { key })).toMatchObject({ kind: "duplicate" });
  const tail = await store.tail("any/1");
  expect([tail?.state, tail?.effects.length, tail?.timers.length]).toEqual(["b", 1, 1]);
  answer();
  await until("both are there all the same", async () => {
    await clock.advance(limits.timerPollMsMax);
    const types = (await store.entries("any/1")).map(({ event }) => event.type);
    return types.includes("worked") && types.includes("late");
  });
  await engine.stop();
});

test.each(["", "k".repeat(limits.eventKeyLengthMax + 1)])(
  "a key that is no key: %#",
  async (key) => {
    const { engine, answer } = await opened();
    const sent = engine.send("any/1", { type: "go" }, { key });
    await expect(sent).rejects.toMatchObject({ code: "bad-argument" });
    answer();
    await engine.stop();
  },
);

test.each([
  ["anew", "applied", 1],
  ["inner", "applied", 1],
  ["go", "applied", 1],
  ["forbidden", "ignored", 0],
  ["guarded", "ignored", 0],
  ["unheard-of", "ignored", 0],
] as const)("%s is %s, and the caller's write goes with it", async (type, kind, written) => {
  const { engine, store, answer } = await opened();
  const write: Write = { collection: "c", id: "i", expect: null, set: { n: 1 } };
  expect(await engine.send("any/1", { type }, { writes: [write] })).toMatchObject({ kind });
  expect(await store.list("c")).toHaveLength(written);
  answer();
  await engine.stop();
});
