import { assign, setup } from "xstate";
import { durable } from "../../src/workflow/definition/durable.ts";

/** A chart that moves with each event and counts them. It has no timers and no work. */
export const counter = durable(
  setup({
    types: {} as {
      context: { owner: string; count: number };
      input: { owner: string };
      events: { type: "NEXT" };
    },
  }).createMachine({
    context: ({ input }) => ({ owner: input.owner, count: 0 }),
    initial: "even",
    states: {
      even: {
        on: {
          NEXT: { target: "odd", actions: assign({ count: ({ context }) => context.count + 1 }) },
        },
      },
      odd: {
        on: {
          NEXT: { target: "even", actions: assign({ count: ({ context }) => context.count + 1 }) },
        },
      },
    },
  }),
  { name: "counter", version: "1.0.0" },
);

/** A chart that rests until its deadline, and notes how late it came. */
export const sleeper = durable(
  setup({
    types: {} as { context: { untilMs: number }; input: { untilMs: number } },
    delays: { rest: ({ context }) => context.untilMs - Date.now() },
  }).createMachine({
    context: ({ input }) => ({ untilMs: input.untilMs }),
    initial: "asleep",
    states: { asleep: { after: { rest: "awake" } }, awake: { type: "final" } },
  }),
  { name: "sleeper", version: "1.0.0" },
);
