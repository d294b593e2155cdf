// An expense waits for its approval. After a while it goes to the manager, and after a while more it is refused.
import { setTimeout as pause } from "node:timers/promises";
import { createEngine, durable } from "lockstep/engine";
import { MongoClient } from "mongodb";
import { assign, setup } from "xstate";

const { MONGO_URL = "mongodb://127.0.0.1:27017/?replicaSet=rs0", DATABASE = "examples" } =
  process.env;

const approvalMachine = setup({
  types: {
    input: {} as { from: string; amount: number; patienceMs: number },
    context: {} as { from: string; amount: number; patienceMs: number; decidedBy: string },
    events: {} as { type: "APPROVE"; by: string } | { type: "REFUSE"; by: string },
    output: {} as { decision: "approved" | "refused"; by: string },
    tags: {} as "waiting",
  },
  actions: {
    // Only its parameters are declared here. `durable` says what it does.
    ask: (_, _params: { whom: string; about: string }) => {},
  },
  guards: { isTheirOwn: ({ context, event }) => event.by === context.from },
  delays: { patience: ({ context }) => context.patienceMs },
}).createMachine({
  context: ({ input }) => ({ ...input, decidedBy: "nobody" }),
  initial: "atLead",
  // Nobody approves an expense of their own.
  on: {
    APPROVE: [
      { guard: "isTheirOwn" },
      { target: ".approved", actions: assign({ decidedBy: ({ event }) => event.by }) },
    ],
    REFUSE: { target: ".refused", actions: assign({ decidedBy: ({ event }) => event.by }) },
  },
  states: {
    atLead: {
      tags: ["waiting"],
      entry: {
        type: "ask",
        params: ({ context }) => ({ whom: "the lead", about: `${context.amount} EUR` }),
      },
      after: { patience: "atManager" },
    },
    atManager: {
      tags: ["waiting"],
      entry: {
        type: "ask",
        params: ({ context }) => ({ whom: "the manager", about: `${context.amount} EUR` }),
      },
      after: { patience: "refused" },
    },
    approved: { type: "final" },
    refused: { type: "final" },
  },
  output: ({ context, self }) => ({
    decision: self.getSnapshot().matches("approved") ? "approved" : "refused",
    by: context.decidedBy,
  }),
});

const approval = durable(approvalMachine, {
  name: "approval",
  version: "1.0.0",
  actions: {
    // It runs after the commit, at least once: `effect.id` lets the receiver drop a second copy.
    ask: async ({ whom, about }) => console.log(`mail to ${whom}: ${about}?`),
  },
});

const client = await new MongoClient(MONGO_URL).connect();
const engine = await createEngine({ client, database: DATABASE, machines: [approval] });
const isDone = (snapshot: { status: string }) => snapshot.status === "done";

// Nobody answers the first one. In a company, the patience would be two days.
await engine.start(approval, { id: "e-1", input: { from: "ann", amount: 12, patienceMs: 400 } });
await engine.start(approval, {
  id: "e-2",
  input: { from: "bob", amount: 80, patienceMs: 172_800_000 },
});

const own = await engine.send(approval, "e-2", { type: "APPROVE", by: "bob" });
console.log(`e-2: bob's own approval is ${own.outcome}`);
const why = await engine.why("e-2");
console.log(
  `e-2: ${why.state} takes ${why.events.join(" or ")}, and has ${why.timers.length} timer`,
);
await engine.send(approval, "e-2", { type: "APPROVE", by: "eve" });

const first = await engine.waitFor(approval, "e-1", isDone);
const second = await engine.waitFor(approval, "e-2", isDone);
console.log(`e-1: ${first.value} by ${first.context.decidedBy}`);
console.log(`e-2: ${second.value} by ${second.context.decidedBy}`);
const moves = await engine.history("e-1");
console.log(`e-1: ${moves.filter(({ kind }) => kind === "timer").length} timers fired`);

// Another process would send the mails that wait. This example ends, so it waits for them.
for (const id of ["e-1", "e-2"]) {
  while ((await engine.why(id)).work.length > 0) await pause(50);
}
await engine.close();
await client.close();
