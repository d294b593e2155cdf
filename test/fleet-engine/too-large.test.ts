// Aim: what would make an entry of the journal too large never stops an actor without a word: its sender gets a typed
// error, the journal says what was rejected and why, and a result becomes the failure of its effect. Method: a
// machine that keeps what it is sent, on the memory store.
import { expect, test } from "vitest";
import { assign, raise, setup } from "xstate";
import { createEngine, type EffectHandler } from "../../src/fleet-engine/engine.ts";
import type { Entry } from "../../src/journal/store.ts";
import { limits } from "../../src/limits.ts";
import { silentLog } from "../../src/log.ts";
import { createMemoryStore } from "../support/memory-store.ts";
import { until } from "../support/until.ts";
import { createVirtualClock } from "../support/virtual-clock.ts";

interface Context {
  readonly kept: string;
  readonly last: string;
}

const machine = setup({
  types: {
    context: {} as Context,
    events: {} as { type: string; text?: string; reason?: { code: string } },
    input: {} as { text: string },
  },
  actions: {
    keep: assign(({ context, event }) => ({ kept: context.kept + (event.text ?? "") })),
    note: assign(({ event }) => ({ last: event.reason?.code ?? event.type })),
    double: assign(({ context }) => ({ kept: context.kept + context.kept })),
    grow: (_, _params: object) => {},
  },
}).createMachine({
  id: "keeper",
  context: ({ input }) => ({ kept: input.text, last: "" }),
  initial: "resting",
  states: {
    resting: {
      on: {
        keep: { actions: "keep" },
        note: { actions: "note" },
        grow: { actions: { type: "grow", params: {} } },
        demand: { actions: { type: "grow", params: ({ event }) => ({ text: event.text ?? "" }) } },
        grown: { actions: "keep" },
        effectFailed: { actions: "note" },
        double: { actions: "double" },
        wind: { actions: raise({ type: "double" }, { id: "t", delay: 1 }) },
        end: "ended",
      },
    },
    ended: { type: "final" },
  },
});

const owner = { kind: "role", role: "master" } as const;
const mebibyte = 1024 * 1024;

async function opened(grow: EffectHandler, text = "") {
  const clock = createVirtualClock();
  const store = createMemoryStore({ now: () => clock.monotonicMs() });
  const engine = createEngine({
    ...{ store, clock, log: silentLog },
    machines: { keeper: { machine, protocol: 1, effects: { grow } } },
    onStuckEffect: () => {},
  });
  const { signal } = new AbortController();
  await engine.own({ owner, prefix: "", epoch: 1, signal, writes: [] });
  await engine.create("k", "keeper", { text }, { owner });
  const tail = async () => (await store.tail("k")) as Entry;
  const context = async () => JSON.parse((await tail()).snapshot).context as Context;
  return { engine, store, clock, tail, context };
}

const never: EffectHandler = () => new Promise(() => {});

test.each([
  ["a snapshot", { type: "keep", text: "x".repeat(limits.snapshotBytesMax) }],
  ["a snapshot in characters of several bytes", { type: "keep", text: "€".repeat(2 * mebibyte) }],
  ["an event that is not kept", { type: "note", text: "x".repeat(limits.entryBytesMax) }],
  ["an event that no state takes", { type: "unheard-of", text: "x".repeat(limits.entryBytesMax) }],
  ["an event whose name is long", { type: "n".repeat(limits.entryBytesMax) }],
  ["an effect that is asked for", { type: "demand", text: "x".repeat(5 * mebibyte) }],
])(
  "%s: its sender gets the error, the journal says so, and the actor goes on",
  async (_, event) => {
    const { engine, store, tail, context } = await opened(never);
    const sent = engine.send("k", event, { key: "large" });
    await expect(sent).rejects.toMatchObject({ code: "entry-too-large", details: { actor: "k" } });
    const entry = await tail();
    expect(entry).toMatchObject({ outcome: "rejected", revision: 1, effects: [] });
    expect(entry.reason?.code).toBe("entry-too-large");
    expect(JSON.stringify(entry).length).toBeLessThan(4_000);
    expect(await engine.send("k", event, { key: "large" })).toMatchObject({ kind: "duplicate" });
    await engine.send("k", { type: "keep", text: "small" } as never);
    expect((await context()).kept).toBe("small");
    expect(await store.entries("k")).toHaveLength(3);
    await engine.stop();
  },
);

test("an actor that would begin too large is not created, and its creator gets the error", async () => {
  const { engine, store } = await opened(never);
  const input = { text: "x".repeat(limits.snapshotBytesMax) };
  const created = engine.create("large", "keeper", input, { owner });
  await expect(created).rejects.toMatchObject({ code: "entry-too-large" });
  expect(await store.tail("large")).toBeUndefined();
  await engine.stop();
});

test.each([
  ["makes the snapshot too large", "grown", limits.snapshotBytesMax],
  ["is too large though nothing keeps it", "note", limits.entryBytesMax],
])("an effect's result that %s is the effect's failure, at once", async (_, type, size) => {
  let runs = 0;
  const { engine, tail, context } = await opened(async () => {
    runs += 1;
    return { type, text: "x".repeat(size) };
  });
  await engine.send("k", { type: "grow" });
  await until("the failure", async () => (await context()).last === "entry-too-large");
  const entry = await tail();
  expect(entry).toMatchObject({
    event: { type: "effectFailed", effect: "grow", reason: { code: "entry-too-large" } },
    ...{ outcome: "applied", effects: [], eventKey: "effect:k/1/0" },
  });
  expect(runs).toBe(1);
  await engine.stop();
});

test("a failure is journalled though the snapshot is as large as it may be", async () => {
  const { engine, context } = await opened(
    async () => ({ type: "grown", text: "x".repeat(mebibyte) }),
    "x".repeat(limits.snapshotBytesMax - 200),
  );
  await engine.send("k", { type: "grow" });
  await until("the failure", async () => (await context()).last === "entry-too-large");
  await engine.stop();
});

test("a timer's event that makes the snapshot too large is rejected with the reason, once", async () => {
  const { engine, tail, clock } = await opened(never, "x".repeat(3 * mebibyte));
  await engine.send("k", { type: "wind" });
  await until("the rejection", async () => {
    await clock.advance(limits.timerPollMsMax);
    return (await tail()).outcome === "rejected";
  });
  expect(await tail()).toMatchObject({
    ...{ event: { type: "double" }, reason: { code: "entry-too-large" }, timers: [] },
  });
  expect(await engine.send("k", { type: "note" })).toMatchObject({ kind: "applied" });
  await engine.stop();
});

test("a large result for an actor at its end is rejected, and is pending no more", async () => {
  let answer = () => {};
  const gate = new Promise<void>((resolve) => {
    answer = resolve;
  });
  const { engine, store, tail } = await opened(async () => {
    await gate;
    return { type: "grown", text: "x".repeat(limits.entryBytesMax) };
  });
  await engine.send("k", { type: "grow" });
  await engine.send("k", { type: "end" });
  answer();
  expect(await engine.send("k", { type: "note" })).toMatchObject({ kind: "ignored" });
  expect((await tail()).effects).toEqual([]);
  expect((await store.entries("k")).map(({ state }) => state).at(-1)).toBe("ended");
  await engine.stop();
});
