import type { AnyMachineSnapshot, EventObject } from "xstate";
import { getShortestPaths } from "xstate/graph";
import type { Case } from "./cases.ts";

/** Events that lead somewhere, in order. */
export type Path = readonly EventObject[];

/** To every state that can be told apart, and from there by every event there is. */
export function pathsOf({ machine, input, events, project }: Case): readonly Path[] {
  const reached = getShortestPaths(machine, {
    input: input as never,
    events: events as never,
    limit: 100_000,
    serializeState: (snapshot) => {
      const state = snapshot as AnyMachineSnapshot;
      return JSON.stringify([state.value, project(state)]);
    },
  });
  return reached.flatMap((path) => {
    const before = path.steps
      .map(({ event }) => event as EventObject)
      .filter(({ type }) => type !== "xstate.init");
    return events.map((event) => [...before, event]);
  });
}
