// Aim: an event or a value of live work counts once where the answer of its append is lost; what it sends to other actors
// and what it emits is not lost. Method: an engine on a memory store that takes each such entry and throws once; hosts in
// virtual time.
import { expect, onTestFinished, test } from "vitest";
import {
  type AnyActorLogic,
  type AnyActorRef,
  assign,
  fromCallback,
  fromObservable,
  fromPromise,
  type PromiseActorLogic,
  sendTo,
  setup,
} from "xstate";
import { startEngine } from "../../../src/engine/create-engine.ts";
import { type DurableMachine, durable } from "../../../src/engine/definition/durable.ts";
import { createMemoryEngineStore } from "../../../src/engine/journal/memory-store.ts";
import type { EngineStore } from "../../../src/engine/journal/store.ts";
import { crashAnywhere } from "../../../src/engine/testing/crash-anywhere.ts";
import { EngineHost } from "../../../src/engine/testing/engine-host.ts";
import { LockstepError } from "../../../src/errors.ts";
import { silentLog } from "../../../src/log.ts";
import { systemClock } from "../../../src/ports/clock.ts";
import { systemRandom } from "../../../src/ports/random.ts";

interface WithRoot {
  readonly root: AnyActorRef;
}

/** Three values, each in a turn of its own, and no end. */
const three = {
  subscribe(observer: { next: (value: number) => void }) {
    for (const value of [1, 2, 3]) setImmediate(() => observer.next(value));
    return { unsubscribe() {} };
  },
};

test("events of a callback and values of an observable count once, also where an answer is lost", async () => {
  const machine = setup({
    types: {} as {
      context: { ticks: number; values: readonly unknown[] };
      events: { type: "TICK" };
    },
    actors: {
      ticks: fromCallback(({ sendBack }) => {
        for (let sent = 0; sent < 3; sent += 1) sendBack({ type: "TICK" });
      }),
      values: fromObservable(() => three as never),
    },
  }).createMachine({
    context: { ticks: 0, values: [] },
    invoke: [
      { src: "ticks" },
      {
        src: "values",
        onSnapshot: {
          actions: assign({
            // XState reports the snapshot before the first value as well.
            values: ({ context, event }) => [...context.values, event.snapshot.context ?? 0],
          }),
        },
      },
    ],
    on: { TICK: { actions: assign({ ticks: ({ context }) => context.ticks + 1 }) } },
  });
  const live = durable(machine, { name: "live", version: "1.0.0" });
  const inner = createMemoryEngineStore({ nowMs: () => Date.now() }) as EngineStore<unknown>;
  const lost = new Set<string>();
  const append: EngineStore["append"] = async (entries, options) => {
    const answer = await inner.append(entries, options);
    const said = entries
      .filter(({ kind, eventType }) => kind === "child" || eventType.startsWith("xstate.snapshot"))
      .map(({ actor, revision }) => `${actor}/${revision}`)
      .filter((place) => !lost.has(place));
    for (const place of said) lost.add(place);
    if (said.length === 0) return answer;
    throw new LockstepError("database-unreachable", "the answer is lost");
  };
  const store = new Proxy(inner, {
    get: (target, name) => (name === "append" ? append : Reflect.get(target, name).bind(target)),
  });
  const engine = await startEngine(
    { machines: [live] },
    {
      ...{ store, clock: systemClock, random: systemRandom, log: silentLog },
      ...{ host: "here", pid: 1 },
    },
  );
  onTestFinished(() => engine.close());
  await engine.start(live, { id: "a" });
  const all = await engine.waitFor(
    live,
    "a",
    ({ context }) => context.ticks >= 3 && context.values.includes(3),
    { timeoutMs: 20_000 },
  );
  expect(all.context).toEqual({ ticks: 3, values: [0, 1, 2, 3] });
  expect(lost.size).toBeGreaterThanOrEqual(6);
  expect((await engine.history("a")).length).toBe(7);
});

/** A machine with one live child, which gets the root. */
function withChild(logic: AnyActorLogic) {
  const machine = setup({
    types: {} as { context: { heard: readonly string[] }; events: { type: "HI" } },
    actors: { live: logic as PromiseActorLogic<unknown, WithRoot> },
  }).createMachine({
    context: { heard: [] },
    invoke: { src: "live", input: ({ self }) => ({ root: self }) },
    on: {
      HI: { actions: assign({ heard: ({ context, event }) => [...context.heard, event.type] }) },
    },
  });
  return durable(machine, { name: "live", version: "1.0.0" });
}

test.each([
  ["promise", fromPromise(async ({ input }) => (input as WithRoot).root.send({ type: "HI" }))],
  ["callback", fromCallback(({ input }) => (input as WithRoot).root.send({ type: "HI" }))],
])("an event that a %s sends to an actor of its input arrives", async (_kind, logic) => {
  const machine = withChild(logic);
  const host = new EngineHost({ machines: [machine as DurableMachine] });
  onTestFinished(() => host.dispose());
  await host.ask((engine) => engine.start(machine, { id: "a" }));
  await host.settle();
  const { context } = await host.ask((engine) => engine.get(machine, "a"));
  expect(context).toEqual({ heard: ["HI"] });
});

test.each([
  ["promise", fromPromise(async ({ emit }) => emit({ type: "news", n: 1 } as never))],
  ["callback", fromCallback(({ emit }) => emit({ type: "news", n: 1 } as never))],
])("what a %s emits is in the history, as live XState emits it", async (_kind, logic) => {
  const machine = withChild(logic);
  await crashAnywhere(machine, [], { faults: [] });
  const host = new EngineHost({ machines: [machine as DurableMachine] });
  onTestFinished(() => host.dispose());
  await host.ask((engine) => engine.start(machine, { id: "a" }));
  await host.settle();
  const history = await host.ask((engine) => engine.history("a"));
  expect(history.flatMap(({ emitted }) => emitted)).toEqual([{ type: "news", n: 1 }]);
});

test("a callback hears what it was sent by the transition that ends it, in order and once", async () => {
  const heard: string[] = [];
  const machine = durable(
    setup({
      types: {} as { events: { type: "OFF" } },
      actors: {
        ears: fromCallback(({ receive }) => {
          receive(({ type }) => void heard.push(type));
          return () => void heard.push("ended");
        }),
      },
    }).createMachine({
      initial: "on",
      states: {
        on: {
          invoke: { src: "ears", id: "ears" },
          exit: [sendTo("ears", { type: "LAST" }), sendTo("ears", { type: "CLOSE" })],
          on: { OFF: "off" },
        },
        off: {},
      },
    }),
    { name: "live", version: "1.0.0" },
  );
  const host = new EngineHost({ machines: [machine as DurableMachine] });
  onTestFinished(() => host.dispose());
  await host.ask((engine) => engine.start(machine, { id: "a" }));
  await host.settle();
  await host.ask((engine) => engine.send(machine, "a", { type: "OFF" }));
  await host.settle();
  expect(heard).toEqual(["LAST", "CLOSE", "ended"]);
  expect((await host.ask((engine) => engine.why("a"))).work).toEqual([]);
});
