// A subscription is charged every 30 days, until somebody cancels it. No process has to live that long.
import { argv } from "node:process";
import { fileURLToPath } from "node:url";
import { createEngine, durable } from "lockstep/engine";
import { MongoClient } from "mongodb";
import { assign, fromPromise, setup } from "xstate";

const { MONGO_URL = "mongodb://127.0.0.1:27017/?replicaSet=rs0", DATABASE = "examples" } =
  process.env;

const subscriptionMachine = setup({
  types: {
    input: {} as { customer: string },
    context: {} as { customer: string; periods: number },
    events: {} as { type: "CANCEL" },
  },
  actors: { charge: fromPromise<void, { customer: string; period: number }>(async () => {}) },
  // 30 days are more milliseconds than a timer of Node can wait. A durable one can.
  delays: { period: 30 * 24 * 60 * 60 * 1_000, grace: 3 * 24 * 60 * 60 * 1_000 },
}).createMachine({
  context: ({ input }) => ({ ...input, periods: 0 }),
  initial: "charging",
  states: {
    charging: {
      invoke: {
        src: "charge",
        input: ({ context }) => ({ customer: context.customer, period: context.periods + 1 }),
        onDone: {
          target: "active",
          actions: assign({ periods: ({ context }) => context.periods + 1 }),
        },
        onError: "overdue",
      },
    },
    active: {
      on: { CANCEL: "lastPeriod" },
      after: { period: "charging" },
    },
    // Its customer has paid until the end of the period. (The period begins anew here; a real one would keep its date.)
    lastPeriod: { after: { period: "ended" } },
    overdue: { on: { CANCEL: "ended" }, after: { grace: "charging" } },
    ended: { type: "final" },
  },
});

/** @param charge books the money: it gets the same id on every attempt of one period */
export function subscriptionOf(charge: (customer: string, id: string) => Promise<void>) {
  return durable(subscriptionMachine, {
    name: "subscription",
    version: "1.0.0",
    tasks: {
      charge: {
        run: ({ customer, period }) => charge(customer, `${customer}-${period}`),
        retry: { attempts: 4, backoff: "1m..1h" },
        timeout: "1m",
      },
    },
  });
}

// A test imports the machine, and lets virtual time pass instead: see the README of this folder.
if (argv[1] === fileURLToPath(import.meta.url)) {
  const subscription = subscriptionOf(async (_customer, id) => console.log(`charged ${id}`));
  const client = await new MongoClient(MONGO_URL).connect();
  const engine = await createEngine({ client, database: DATABASE, machines: [subscription] });
  await engine.start(subscription, { id: "s-1", input: { customer: "ann" } });
  await engine.waitFor(subscription, "s-1", (snapshot) => snapshot.matches("active"));
  const { state, since, timers } = await engine.why("s-1");
  const days = (Number(timers[0]?.at) - since.getTime()) / 86_400_000;
  console.log(`s-1: ${state}, the next charge is due after ${days} days`);
  await engine.close();
  await client.close();
}
