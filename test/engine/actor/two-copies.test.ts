// Aim: a machine that another copy of XState made runs as with one copy. (A CommonJS application always has two: XState's
// builds for `require` and for `import` are apart.) Method: the machines are made by XState's CommonJS build, and by the
// oldest version that we support; each runs beside live XState of the same copy.
import { createRequire } from "node:module";
import { expect, onTestFinished, test } from "vitest";
import type { AnyStateMachine } from "xstate";
import { durable } from "../../../src/engine/definition/durable.ts";
import { EngineHost } from "../../../src/engine/testing/engine-host.ts";

type XState = typeof import("xstate");
const require = createRequire(import.meta.url);
const copies: readonly (readonly [string, XState])[] = [
  ["of the CommonJS build", require("xstate")],
  ["of the oldest version", require("xstate-5.31")],
];

function machineOf({ assign, fromPromise, fromTransition, sendParent, sendTo, setup }: XState) {
  const child = setup({ types: {} as { events: { type: "PING" } } }).createMachine({
    initial: "waiting",
    states: {
      waiting: { on: { PING: { actions: sendParent({ type: "PONG" }) } }, after: { 1000: "over" } },
      over: { type: "final" },
    },
  });
  return setup({
    types: {} as {
      context: { log: string[] };
      events: { type: "PONG" } | { type: "GO" };
    },
    actors: {
      child,
      work: fromPromise<number>(async () => 7),
      counter: fromTransition((count: number) => count + 1, 0),
    },
    actions: {
      note: assign({ log: ({ context, event }) => [...context.log, event.type] }),
    },
    guards: { isTrue: () => true },
  }).createMachine({
    context: { log: [] },
    type: "parallel",
    on: { PONG: { actions: "note" } },
    invoke: { id: "counter", src: "counter" },
    states: {
      left: {
        initial: "calling",
        states: {
          calling: {
            entry: sendTo("kid", { type: "PING" }),
            invoke: { id: "kid", src: "child", onDone: { target: "called", actions: "note" } },
          },
          called: { always: { guard: "isTrue", target: "working" } },
          working: { invoke: { src: "work", onDone: { target: "worked", actions: "note" } } },
          worked: { type: "final" },
        },
      },
      right: {
        initial: "idle",
        states: {
          idle: { on: { GO: "soon" } },
          soon: { after: { 3000: { target: "late", actions: "note" } } },
          late: { type: "final" },
        },
      },
    },
  });
}

test.each(copies)("a machine %s", async (_name, copy) => {
  const machine = machineOf(copy) as unknown as AnyStateMachine;
  const clock = new copy.SimulatedClock();
  const live = copy.createActor(machine as never, { clock } as never).start();
  live.send({ type: "GO" } as never);
  for (let second = 1; second <= 4; second += 1) {
    clock.increment(1_000);
    await new Promise(setImmediate);
  }

  const copied = durable(machine, { name: "copied", version: "1.0.0" });
  const host = new EngineHost({ machines: [copied] });
  onTestFinished(() => host.dispose());
  await host.ask((engine) => engine.start(copied, { id: "c" }));
  await host.ask((engine) => engine.send(copied, "c", { type: "GO" }));
  await host.elapse(2_000);
  host.kill();
  await host.elapse(2_000);
  const { value, context, status } = await host.ask((engine) => engine.get(copied, "c"));
  const expected = live.getSnapshot() as unknown as { status: string; context: object };
  expect({ value, context, status }).toEqual({
    ...{ value: (expected as { value?: unknown }).value, context: expected.context },
    status: "done",
  });
  expect(expected.status).toBe("done");
});
