import { assign, fromPromise, setup } from "xstate";
import type { WorkContext } from "../../../src/engine/definition/durable.ts";
import { type DurableMachine, durable } from "../../../src/engine/definition/durable.ts";
import type { MemorySession } from "../../../src/engine/journal/memory-store.ts";
import type { Draw } from "../../simulation/draw.ts";
import type { SimulatedProcess } from "./simulated-process.ts";

interface JobInput {
  readonly rounds: number;
  readonly restMs: number;
  readonly patienceMs: number;
}

/** Rests, works, and is paid in the end. */
const jobMachine = setup({
  types: {} as {
    context: JobInput & { round: number; pokes: number; results: readonly string[] };
    input: JobInput;
    events: { type: "GO" } | { type: "SKIP" } | { type: "POKE" };
  },
  delays: {
    rest: ({ context }) => context.restMs,
    patience: ({ context }) => context.patienceMs,
  },
  guards: { isOver: ({ context }) => context.round >= context.rounds },
  actors: {
    work: fromPromise<string, { readonly round: number }>(async () => "unused"),
    charge: fromPromise<string>(async () => "unused"),
  },
  actions: { notify: (_, _params: { readonly round: number }) => {} },
}).createMachine({
  context: ({ input }) => ({ ...input, round: 0, pokes: 0, results: [] }),
  on: { POKE: { actions: assign({ pokes: ({ context }) => context.pokes + 1 }) } },
  initial: "resting",
  states: {
    resting: {
      entry: { type: "notify", params: ({ context }) => ({ round: context.round }) },
      on: { GO: [{ guard: "isOver", target: "charging" }, { target: "working" }] },
      after: { rest: [{ guard: "isOver", target: "charging" }, { target: "working" }] },
    },
    working: {
      entry: assign({ round: ({ context }) => context.round + 1 }),
      on: { SKIP: "resting" },
      after: { patience: "resting" },
      invoke: {
        src: "work",
        input: ({ context }) => ({ round: context.round }),
        onDone: {
          target: "resting",
          actions: assign({ results: ({ context, event }) => [...context.results, event.output] }),
        },
        onError: "resting",
      },
    },
    charging: {
      after: { 400: { actions: assign({ pokes: ({ context }) => context.pokes + 1 }) } },
      invoke: { src: "charge", onDone: "paid", onError: "charging" },
    },
    paid: { after: { 500: "settled" } },
    settled: { type: "final" },
  },
});

/** The reports of the work of all processes to the checks. */
export interface JobEvents {
  began(process: SimulatedProcess, kind: "work" | "charge" | "notify", context: WorkContext): void;
  /** A write of business data has committed. */
  charged(context: WorkContext): void;
  /** True while work may fail. */
  mayFail(): boolean;
}

/** The machine as one process runs it. */
export function jobOf(process: SimulatedProcess, draw: Draw, events: JobEvents): DurableMachine {
  const { clock } = process;
  const fail = (probability: number) => {
    if (events.mayFail() && draw.chance(probability)) throw new Error("it fails by chance");
  };
  return durable(jobMachine, {
    name: "job",
    version: "1.0.0",
    tasks: {
      work: {
        run: async ({ round }, context) => {
          events.began(process, "work", context);
          const isDeaf = draw.chance(0.2);
          const ms = draw.chance(0.3) ? 3_000 + draw.below(3_000) : draw.below(1_000);
          await clock.sleep(ms, isDeaf ? undefined : context.signal);
          fail(0.3);
          return `${context.id} of round ${round}`;
        },
        retry: { attempts: 4, backoff: "200ms..2s" },
        timeout: "5s",
      },
      charge: {
        run: async (_input, context) => {
          events.began(process, "charge", context);
          fail(0.2);
          await context.transaction(async (session) => {
            await clock.sleep(draw.below(300));
            (session as unknown as MemorySession).write(() => events.charged(context));
          });
          await clock.sleep(draw.below(500), context.signal);
          fail(0.2);
          return "paid";
        },
        retry: { attempts: 50, backoff: "100ms..1s" },
        timeout: "5s",
      },
    },
    actions: {
      notify: async (_params, context) => {
        events.began(process, "notify", context);
        await clock.sleep(draw.below(50), context.signal);
        fail(0.1);
      },
    },
  });
}
