import { type AnyMachineSnapshot, type EventObject, initialTransition, transition } from "xstate";
import type { Case } from "./cases.ts";
import { type Path, pathsOf } from "./paths.ts";

/** One event of a path, with the states on both sides of it. */
export interface Taken {
  readonly before: AnyMachineSnapshot;
  readonly event: EventObject;
  readonly after: AnyMachineSnapshot;
  /** The first path that has it, and how many have it: they share how they begin. */
  readonly path: Path;
  times: number;
}

/** Every event of every path of a model through the pure machine. */
export function walk(model: Case): readonly Taken[] {
  const steps: Taken[] = [];
  const known = new WeakMap<AnyMachineSnapshot, Map<EventObject, Taken>>();
  const [initial] = initialTransition(model.machine, model.input as never);
  for (const path of pathsOf(model)) {
    let before: AnyMachineSnapshot = initial;
    for (const event of path) {
      // The engine takes no event to a final state; nor does this walk.
      if (before.status !== "active") break;
      const here = known.get(before) ?? new Map<EventObject, Taken>();
      known.set(before, here);
      let taken = here.get(event);
      if (!taken) {
        const [after] = transition(model.machine, before, event as never);
        taken = { before, event, after, path, times: 0 };
        here.set(event, taken);
        steps.push(taken);
      }
      taken.times += 1;
      before = taken.after;
    }
  }
  return steps;
}
