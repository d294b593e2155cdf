import { assign, fromPromise, setup } from "xstate";
import { durable } from "../../src/engine/definition/durable.ts";
import { counterMachine } from "./counter-machine.ts";

export const counter = durable(counterMachine({ assign, setup }), {
  name: "counter",
  version: "1.0.0",
});

/** A chart that works through so many tasks, one after the other. `finished` hears of the commit of its end. */
export const laborer = (finished: () => void) =>
  durable(
    setup({
      types: {} as { context: { left: number }; input: { steps: number } },
      actors: { work: fromPromise<number, number>(async ({ input }) => input) },
      actions: { finished },
    }).createMachine({
      context: ({ input }) => ({ left: input.steps }),
      initial: "working",
      states: {
        working: {
          invoke: {
            src: "work",
            input: ({ context }) => context.left,
            onDone: [
              { guard: ({ context }) => context.left === 1, target: "done" },
              {
                target: "working",
                reenter: true,
                actions: assign({ left: ({ context }) => context.left - 1 }),
              },
            ],
          },
        },
        done: { type: "final", entry: "finished" },
      },
    }),
    { name: "laborer", version: "1.0.0", tasks: { work: {} } },
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
