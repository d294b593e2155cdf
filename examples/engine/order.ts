// An order waits for its payment. It expires if the payment does not come in time, even if every process was down meanwhile.
import { setTimeout as pause } from "node:timers/promises";
import { createEngine, durable } from "lockstep/engine";
import { MongoClient } from "mongodb";
import { assign, fromPromise, setup } from "xstate";

const { MONGO_URL = "mongodb://127.0.0.1:27017/?replicaSet=rs0", DATABASE = "examples" } =
  process.env;

// 1. The machine is plain XState.
const orderMachine = setup({
  types: {
    input: {} as { amount: number; payWithinMs: number },
    context: {} as { amount: number; payWithinMs: number; card: string; receipt: string },
    events: {} as { type: "PAY"; card: string } | { type: "CANCEL" },
  },
  actors: {
    chargeCard: fromPromise<string, { card: string; amount: number }>(async ({ input }) => {
      return `${input.amount} from ${input.card}`;
    }),
  },
  actions: { sendReceipt: (_, _params: { text: string }) => {} },
  delays: { paymentTime: ({ context }) => context.payWithinMs },
}).createMachine({
  context: ({ input }) => ({ ...input, card: "", receipt: "" }),
  initial: "open",
  states: {
    open: {
      on: {
        PAY: { target: "charging", actions: assign({ card: ({ event }) => event.card }) },
        CANCEL: "cancelled",
      },
      after: { paymentTime: "expired" },
    },
    charging: {
      invoke: {
        src: "chargeCard",
        input: ({ context: { card, amount } }) => ({ card, amount }),
        onDone: { target: "paid", actions: assign({ receipt: ({ event }) => event.output }) },
        onError: "open",
      },
    },
    paid: {
      type: "final",
      entry: { type: "sendReceipt", params: ({ context }) => ({ text: context.receipt }) },
    },
    cancelled: { type: "final" },
    expired: { type: "final" },
  },
});

// 2. The declaration makes its actors durable: it says how work outside is done and tried again.
const order = durable(orderMachine, {
  name: "order",
  version: "1.0.0",
  tasks: {
    chargeCard: {
      // `task.id` is the same on every attempt: give it to the bank, so that it charges once.
      run: async ({ card, amount }, task) => `${amount} from ${card}, charge ${task.id}`,
      retry: { attempts: 5, backoff: "1s..1m" },
      timeout: "30s",
    },
  },
  actions: {
    sendReceipt: async ({ text }) => console.log(`mail: ${text}`),
  },
});

// 3. Each process has an engine. Any of them may send; the one that owns an actor runs its timers and tasks.
const client = await new MongoClient(MONGO_URL).connect();
const engine = await createEngine({ client, database: DATABASE, machines: [order] });

await engine.start(order, { id: "o-17", input: { amount: 40, payWithinMs: 3_600_000 } });
const pay = { type: "PAY", card: "4242" } as const;
// The event's key makes it count once, however often the sender tries again.
for (const _attempt of ["first", "second"]) {
  const { outcome, state } = await engine.send(order, "o-17", pay, { key: "payment-1" });
  console.log(`o-17: ${outcome}, ${state}`);
}
const paid = await engine.waitFor(order, "o-17", (snapshot) => snapshot.status === "done");
console.log(`o-17: ${paid.value}, ${paid.context.receipt}`);

// An action runs after the commit. Another process would do it, but this example has only one, and it ends.
while ((await engine.why("o-17")).work.length > 0) await pause(50);

await engine.start(order, { id: "o-18", input: { amount: 40, payWithinMs: 500 } });
const late = await engine.waitFor(order, "o-18", (snapshot) => snapshot.status === "done");
console.log(`o-18: ${late.value}`);

await engine.close();
await client.close();
