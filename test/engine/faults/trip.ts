import type { Collection } from "mongodb";
import { assign, fromPromise, setup } from "xstate";
import { durable, type WorkContext } from "../../../src/engine/definition/durable.ts";

/** Where work may be held. */
export type Place = "call" | "book" | "tell";

/** One effect outside of the engine: it happens at least once. */
export interface Effect {
  readonly work: string;
  readonly kind: Place;
  readonly attempt: number;
  readonly fence: number;
}

/** One write in the transaction of a task: it happens once. */
export interface Booking {
  readonly work: string;
  readonly attempt: number;
}

/** The surroundings of a trip's work. */
export interface TripPorts {
  readonly effects: Collection<Effect>;
  readonly bookings: Collection<Booking>;
  /** Called in the middle of work; it goes on once the promise resolves. */
  visit(place: Place, work: string): Promise<void>;
}

interface TripInput {
  readonly rounds: number;
  readonly restMs: number;
}

/** Calls, rests, books and tells, round after round. */
const chart = setup({
  types: {} as {
    context: TripInput & {
      pokes: number;
      calls: readonly string[];
      bookings: readonly string[];
      isMigrated: boolean;
    };
    input: TripInput;
    events: { type: "POKE" };
  },
  delays: { rest: ({ context }) => context.restMs },
  guards: { isLast: ({ context }) => context.bookings.length >= context.rounds },
  actors: {
    call: fromPromise<string>(async () => "unused"),
    book: fromPromise<string>(async () => "unused"),
  },
  actions: { tell: () => {} },
}).createMachine({
  context: ({ input }) => ({ ...input, pokes: 0, calls: [], bookings: [], isMigrated: false }),
  on: { POKE: { actions: assign({ pokes: ({ context }) => context.pokes + 1 }) } },
  initial: "calling",
  states: {
    calling: {
      invoke: {
        src: "call",
        onDone: {
          target: "resting",
          actions: assign({ calls: ({ context, event }) => [...context.calls, event.output] }),
        },
        onError: "lost",
      },
    },
    resting: { after: { rest: "booking" } },
    booking: {
      invoke: {
        src: "book",
        onDone: {
          target: "booked",
          actions: assign({
            bookings: ({ context, event }) => [...context.bookings, event.output],
          }),
        },
        onError: "lost",
      },
    },
    booked: {
      entry: "tell",
      always: [{ guard: "isLast", target: "home" }, { target: "calling" }],
    },
    home: { type: "final" },
    lost: { type: "final" },
  },
});

const retry = { attempts: 100, backoff: "100ms..1s" } as const;
const unused: TripPorts = {
  effects: undefined as never,
  bookings: undefined as never,
  visit: () => Promise.reject(new Error("this process does no work")),
};

/** The machine as one process runs it. A process that only sends and reads gives no ports. */
export function tripOf(version: "1.0.0" | "2.0.0", ports: TripPorts = unused) {
  const { effects, bookings, visit } = ports;
  const carryOut = async (kind: Place, { id: work, attempt, fence }: WorkContext) => {
    await effects.insertOne({ work, kind, attempt, fence });
    await visit(kind, work);
  };
  return durable(chart, {
    ...{ name: "trip", version },
    ...(version === "1.0.0"
      ? {}
      : { migrate: { "1.0.0": { context: (context) => ({ ...context, isMigrated: true }) } } }),
    tasks: {
      call: {
        async run(_input, task) {
          await carryOut("call", task);
          return `${task.id}#${task.attempt}`;
        },
        retry,
      },
      book: {
        async run(_input, { id: work, attempt, transaction }) {
          await transaction(async (session) => {
            await bookings.insertOne({ work, attempt }, { session });
            await visit("book", work);
          });
          return `${work}#${attempt}`;
        },
        retry,
      },
    },
    actions: { tell: (_params, effect) => carryOut("tell", effect) },
  });
}

/** The first version, for a process that does no work. */
export const trip = tripOf("1.0.0");
