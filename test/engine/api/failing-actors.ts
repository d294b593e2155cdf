import { onTestFinished } from "vitest";
import { type AnyStateMachine, assign, fromPromise, setup } from "xstate";
import {
  type DurableMachine,
  type DurableOptions,
  durable,
} from "../../../src/engine/definition/durable.ts";
import { EngineHost } from "../../../src/engine/testing/engine-host.ts";

export const names = { name: "m", version: "1.0.0" };

/** Lets time pass in small steps, since a host goes from one moment of the journal to the next, and lets a lease run out. */
export async function pass(host: EngineHost, ms: number): Promise<void> {
  for (let passedMs = 0; passedMs < ms; passedMs += 500) await host.elapse(500);
}

export function hostOf(...machines: readonly DurableMachine[]): EngineHost {
  const host = new EngineHost({ machines });
  onTestFinished(() => host.dispose());
  return host;
}

/** An actor of a machine, and what is asked of it. */
export async function actorOf<TMachine extends AnyStateMachine>(machine: DurableMachine<TMachine>) {
  const host = hostOf(machine as DurableMachine);
  await host.ask((engine) => engine.start(machine as DurableMachine, { id: "a" }));
  return {
    host,
    send: (event: { readonly type: string }, key?: string) =>
      host.ask((engine) =>
        engine.send(machine as DurableMachine, "a", event, key === undefined ? {} : { key }),
      ),
    get: () => host.ask((engine) => engine.get(machine, "a")),
    why: () => host.ask((engine) => engine.why("a")),
    last: async () => (await host.ask((engine) => engine.history("a"))).at(-1),
  };
}

export const plain = setup({
  types: {} as {
    context: { value: unknown };
    input: unknown;
    events: { type: "PUT"; value: unknown };
  },
}).createMachine({
  context: ({ input }) => ({ value: input }),
  initial: "open",
  states: {
    open: { on: { PUT: { actions: assign({ value: ({ event }) => event.value }) } } },
  },
});

/** A machine that asks for one task. */
export function asking(
  task: NonNullable<NonNullable<DurableOptions<AnyStateMachine>["tasks"]>[string]>,
): DurableMachine {
  const machine = setup({
    types: {} as { context: { result: unknown }; events: { type: "LEAVE" } | { type: "BACK" } },
    actors: { work: fromPromise<unknown>(async () => 0) },
  }).createMachine({
    context: { result: null },
    initial: "asking",
    on: { LEAVE: ".left" },
    states: {
      asking: {
        invoke: {
          src: "work",
          onDone: { target: "answered", actions: assign({ result: ({ event }) => event.output }) },
          onError: { target: "failed", actions: assign({ result: ({ event }) => event.error }) },
        },
      },
      left: { on: { BACK: "asking" } },
      answered: {},
      failed: {},
    },
  });
  return durable(machine, { ...names, tasks: { work: task } }) as DurableMachine;
}

/** A machine in which an event, or a timer of a second, does the same. */
export function doing(config: object): DurableMachine {
  const machine = setup({
    types: {} as { context: { value: unknown } },
    guards: {
      throws: () => {
        throw new TypeError("no guard");
      },
    },
  }).createMachine({
    context: { value: 0 },
    initial: "open",
    states: {
      open: { on: { DO: config, FINE: "fine" }, after: { 1000: config } },
      fine: {},
      endless: { always: "again" },
      again: { always: "endless" },
    },
  } as never);
  return durable(machine as unknown as AnyStateMachine, names);
}
