// A trip books a flight, a hotel and a car. When one of them fails, what was booked before is cancelled, the last first.
import { createEngine, durable } from "lockstep/engine";
import { MongoClient } from "mongodb";
import { assign, fromPromise, setup } from "xstate";

const { MONGO_URL = "mongodb://127.0.0.1:27017/?replicaSet=rs0", DATABASE = "examples" } =
  process.env;

type Part = "flight" | "hotel" | "car";
interface Booking {
  readonly trip: string;
  readonly part: Part;
}

const tripMachine = setup({
  types: {
    input: {} as { trip: string },
    context: {} as { trip: string; booked: Part[]; reason: string },
  },
  actors: {
    book: fromPromise<Part, Booking>(async ({ input }) => input.part),
    cancel: fromPromise<Part, Booking>(async ({ input }) => input.part),
  },
  actions: {
    noteBooked: assign({
      booked: ({ context }, { part }: { part: Part }) => [...context.booked, part],
    }),
    noteReason: assign({ reason: (_, { error }: { error: unknown }) => String(error) }),
  },
}).createMachine({
  context: ({ input }) => ({ trip: input.trip, booked: [], reason: "" }),
  initial: "flight",
  states: {
    flight: {
      invoke: {
        src: "book",
        input: ({ context }) => ({ trip: context.trip, part: "flight" }),
        onDone: {
          target: "hotel",
          actions: { type: "noteBooked", params: ({ event }) => ({ part: event.output }) },
        },
        onError: {
          target: "undoing",
          actions: { type: "noteReason", params: ({ event }) => event },
        },
      },
    },
    hotel: {
      invoke: {
        src: "book",
        input: ({ context }) => ({ trip: context.trip, part: "hotel" }),
        onDone: {
          target: "car",
          actions: { type: "noteBooked", params: ({ event }) => ({ part: event.output }) },
        },
        onError: {
          target: "undoing",
          actions: { type: "noteReason", params: ({ event }) => event },
        },
      },
    },
    car: {
      invoke: {
        src: "book",
        input: ({ context }) => ({ trip: context.trip, part: "car" }),
        onDone: {
          target: "booked",
          actions: { type: "noteBooked", params: ({ event }) => ({ part: event.output }) },
        },
        onError: {
          target: "undoing",
          actions: { type: "noteReason", params: ({ event }) => event },
        },
      },
    },
    undoing: {
      always: { guard: ({ context }) => context.booked.length === 0, target: "undone" },
      invoke: {
        src: "cancel",
        input: ({ context }) => ({ trip: context.trip, part: context.booked.at(-1) ?? "flight" }),
        onDone: {
          target: "undoing",
          reenter: true,
          actions: assign({ booked: ({ context }) => context.booked.slice(0, -1) }),
        },
      },
    },
    booked: { type: "final" },
    undone: { type: "final" },
  },
});

const client = await new MongoClient(MONGO_URL).connect();
const bookings = client.db(DATABASE).collection<Booking>("bookings");

const trip = durable(tripMachine, {
  name: "trip",
  version: "1.0.0",
  tasks: {
    book: {
      async run({ trip, part }, task) {
        if (trip === "to-the-moon" && part === "car") throw new Error("there is no road");
        // The booking commits together with the transition that records the result: exactly once.
        await task.transaction((session) => bookings.insertOne({ trip, part }, { session }));
        return part;
      },
      retry: {
        attempts: 3,
        backoff: "100ms",
        retryable: (error) => !/no road/.test(String(error)),
      },
    },
    cancel: {
      async run({ trip, part }, task) {
        await task.transaction((session) => bookings.deleteOne({ trip, part }, { session }));
        console.log(`${trip}: the ${part} is cancelled`);
        return part;
      },
      // A compensation has to succeed one day.
      retry: { attempts: 1_000_000, backoff: "1s..10m" },
    },
  },
});

const engine = await createEngine({ client, database: DATABASE, machines: [trip] });
for (const id of ["to-the-sea", "to-the-moon"]) {
  await engine.start(trip, { id, input: { trip: id } });
  const { value, context } = await engine.waitFor(trip, id, ({ status }) => status === "done");
  const parts = await bookings.distinct("part", { trip: id });
  console.log(`${id}: ${value}, booked: ${parts.join(", ") || "nothing"} ${context.reason}`.trim());
}

await engine.close();
await client.close();
