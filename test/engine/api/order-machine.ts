import { assign, fromPromise, setup } from "xstate";

/** An order that is paid in time, cancelled, or expires: a deadline, a task and an action. */
export const orderMachine = setup({
  types: {} as {
    context: { id: string; receipt: string | null };
    input: { id: string };
    events: { type: "PAID" } | { type: "CANCEL" };
  },
  actors: { charge: fromPromise<string, { id: string }>(async () => "unused") },
  actions: { sendMail: (_, _params: { to: string }) => {} },
}).createMachine({
  context: ({ input }) => ({ id: input.id, receipt: null }),
  initial: "open",
  states: {
    open: { on: { PAID: "charging", CANCEL: "cancelled" }, after: { 60000: "expired" } },
    charging: {
      tags: ["busy"],
      invoke: {
        src: "charge",
        input: ({ context }) => ({ id: context.id }),
        onDone: { target: "paid", actions: assign({ receipt: ({ event }) => event.output }) },
        onError: "failed",
      },
    },
    paid: {
      entry: { type: "sendMail", params: ({ context }) => ({ to: context.id }) },
      after: { 50: "settled" },
    },
    settled: { type: "final" },
    cancelled: { type: "final" },
    expired: { type: "final" },
    failed: { type: "final" },
  },
});
