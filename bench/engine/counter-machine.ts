import type * as xstate from "xstate";

/** A chart that moves with each event and counts them, made by the caller's XState. It has no timers and no work. */
export function counterMachine({ assign, setup }: Pick<typeof xstate, "assign" | "setup">) {
  return setup({
    types: {} as {
      context: { owner: string; count: number };
      input: { owner: string };
      events: { type: "NEXT" };
    },
  }).createMachine({
    id: "counter",
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
  });
}
