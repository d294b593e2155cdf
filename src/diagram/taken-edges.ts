import {
  type AnyMachineSnapshot,
  type AnyStateMachine,
  createActor,
  type EventObject,
} from "xstate";
import { edgesOf } from "./chart.ts";
import { edgeKey } from "./edge-counts.ts";

/**
 * The keys of the edges that an event takes from a snapshot, as an entry keeps it, those of `always` behind it too. XState
 * says which transitions it selected, so that no guard is judged here. The machine is flat. Pure.
 */
export function takenEdges(
  machine: AnyStateMachine,
  before: string,
  event: EventObject,
): readonly string[] {
  const keys: string[] = [];
  let at = "";
  const actor = createActor(machine, {
    snapshot: JSON.parse(before),
    input: undefined as never,
    inspect: (step) => {
      if (step.type !== "@xstate.microstep") return;
      for (const transition of step._transitions) {
        keys.push(...edgesOf(at, transition.eventType || "always", transition).map(edgeKey));
      }
      at = String((step.snapshot as AnyMachineSnapshot).value);
    },
  });
  at = String((actor.getSnapshot() as AnyMachineSnapshot).value);
  actor.start();
  actor.send(event);
  actor.stop();
  return keys;
}
