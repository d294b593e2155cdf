import { enqueueActions, setup } from "xstate";
import { createEngine, type EffectHandler, type Ownership } from "../../src/fleet-engine/engine.ts";
import type { Owner, Store } from "../../src/journal/store.ts";
import { silentLog } from "../../src/log.ts";
import { createMemoryStore } from "../support/memory-store.ts";
import { createVirtualClock } from "../support/virtual-clock.ts";

/** Works until it is told that it is done, late, or stopped: then it undoes. */
const machine = setup({
  types: {
    events: {} as { type: string },
    context: {} as { deadlineMs: number },
    input: {} as { deadlineMs: number } | undefined,
  },
  actions: {
    arm: enqueueActions(({ context, enqueue }) => {
      enqueue.cancel("deadline");
      enqueue.raise({ type: "late" }, { id: "deadline", delay: context.deadlineMs });
    }),
    cancelEffects: () => {},
    work: () => {},
    undo: () => {},
  },
  guards: {
    explode: () => {
      throw new Error("a guard that throws");
    },
  },
}).createMachine({
  id: "job",
  context: ({ input }) => ({ deadlineMs: input?.deadlineMs ?? 1_000 }),
  initial: "working",
  states: {
    working: {
      entry: ["arm", "work"],
      on: {
        worked: "done",
        effectFailed: "failed",
        late: "undoing",
        stop: "undoing",
        leave: "left",
        again: { target: "working", reenter: true },
        poison: { guard: "explode", target: "done" },
      },
    },
    undoing: { entry: ["cancelEffects", "undo"], on: { undone: "failed" } },
    failed: { type: "final" },
    done: { type: "final" },
    left: { type: "final", entry: "undo" },
  },
});

export const owner: Owner = { kind: "role", role: "master" };
/** An effect that ends when it is told to. */
export const forever: EffectHandler = (_params, { signal }) =>
  new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });

/** Engines over one store in memory, and the rights to its actors. */
export function world() {
  const clock = createVirtualClock();
  const store = createMemoryStore({ now: () => clock.monotonicMs() });
  const stuck: string[] = [];
  const engine = (work: EffectHandler, undo: EffectHandler = forever, through: Store = store) =>
    createEngine({
      store: through,
      clock,
      log: silentLog,
      machines: { job: { machine, protocol: 1, effects: { work, undo } } },
      onStuckEffect: ({ id }) => stuck.push(id),
    });
  const ownership = (epoch: number) => {
    const lost = new AbortController();
    const held: Ownership = { owner, prefix: "", epoch, signal: lost.signal, writes: [] };
    return { held, lost };
  };
  return { clock, store, stuck, engine, ownership };
}
