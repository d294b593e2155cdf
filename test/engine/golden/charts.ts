import { assign, fromPromise, raise, sendParent, sendTo, setup, spawnChild } from "xstate";
import { durable } from "../../../src/engine/definition/durable.ts";

/** The charts of the golden journals. A chart that a journal of a release uses stays as it is. */

/** Waits for a deadline, then for an answer that a task gives. */
const order = setup({
  types: {} as {
    context: { cents: number; placed: Date; receipt: string | undefined };
    input: { cents: number };
    events: { type: "PAY" } | { type: "SPOIL" } | { type: "NOTE" };
  },
  actors: { charge: fromPromise<string, number>(async () => "unused") },
  actions: { mail: () => {} },
}).createMachine({
  id: "order",
  context: ({ input }) => ({
    cents: input.cents,
    placed: new Date(86_400_000),
    receipt: undefined,
  }),
  initial: "open",
  states: {
    open: {
      after: { 20000: "expired" },
      on: {
        PAY: "charging",
        NOTE: {},
        SPOIL: {
          actions: assign(() => {
            throw new Error("spoilt");
          }),
        },
      },
    },
    charging: {
      invoke: {
        src: "charge",
        input: ({ context }) => context.cents,
        onDone: { target: "paid", actions: assign({ receipt: ({ event }) => event.output }) },
      },
    },
    paid: { entry: { type: "mail" }, type: "final" },
    expired: { type: "final" },
  },
});

const worker = setup({
  types: {} as { context: { name: string }; input: { name: string }; events: { type: "WORK" } },
}).createMachine({
  context: ({ input }) => ({ name: input.name }),
  initial: "idle",
  states: {
    idle: { on: { WORK: "worked" } },
    worked: {
      entry: sendParent(({ context }) => ({ type: "WORKED", by: context.name })),
      type: "final",
    },
  },
});

/** A parent with an invoked and a spawned child, in regions with a deep history, and with values of many types. */
const family = setup({
  types: {} as {
    context: { seen: Map<string, bigint>; tags: Set<string>; nothing: undefined; by: string[] };
    events:
      | { type: "WORKED"; by: string }
      | { type: "GO" }
      | { type: "MOVE" }
      | { type: "REST" }
      | { type: "BACK" };
  },
  actors: { worker },
}).createMachine({
  id: "family",
  context: {
    seen: new Map([["a", 2n ** 70n]]),
    tags: new Set(["x", "y"]),
    nothing: undefined,
    by: [],
  },
  entry: spawnChild("worker", { id: "spawned", input: { name: "spawned" } }),
  invoke: { src: "worker", id: "invoked", input: { name: "invoked" } },
  on: {
    GO: { actions: [sendTo("spawned", { type: "WORK" }), sendTo("invoked", { type: "WORK" })] },
    WORKED: {
      actions: assign({ by: ({ context, event }) => [...context.by, event.by].toSorted() }),
    },
  },
  initial: "busy",
  states: {
    busy: {
      type: "parallel",
      on: { REST: "resting" },
      states: {
        left: { initial: "one", states: { one: { on: { MOVE: "two" } }, two: { tags: "far" } } },
        right: { initial: "one", states: { one: {}, two: {} } },
        past: { type: "history", history: "deep" },
      },
    },
    resting: {
      entry: raise({ type: "BACK" }, { delay: 20_000, id: "back" }),
      on: { BACK: "#family.busy.past" },
    },
  },
});

export const golden = {
  order: durable(order, {
    name: "order",
    version: "1.0.0",
    tasks: {
      charge: {
        run: async (cents: number, { attempt }) => `${cents} at attempt ${attempt}`,
        retry: { attempts: 3, backoff: "1s..1m" },
      },
    },
    actions: { mail: async () => {} },
  }),
  family: durable(family, { name: "family", version: "1.0.0" }),
};
