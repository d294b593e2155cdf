import { type AnyMachineSnapshot, type EventObject, transition } from "xstate";
import { getShortestPaths } from "xstate/graph";
import type { Case } from "./cases.ts";

/** Events that lead somewhere, in order. */
export type Path = readonly EventObject[];

/** Each state that can be told apart, with the shortest way there. */
function reachedIn({ machine, input, events, project }: Case) {
  const reached = getShortestPaths(machine, {
    input: input as never,
    events: events as never,
    limit: 100_000,
    serializeState: (snapshot) => {
      const state = snapshot as AnyMachineSnapshot;
      return JSON.stringify([state.value, project(state)]);
    },
  });
  return reached.map(({ state, steps }) => ({
    state: state as AnyMachineSnapshot,
    way: steps
      .map(({ event }) => event as EventObject)
      .filter(({ type }) => type !== "xstate.init"),
  }));
}

/** The shortest way to each state of the chart. */
export function waysOf(model: Case): ReadonlyMap<string, Path> {
  const ways = new Map<string, Path>();
  for (const { state, way } of reachedIn(model)) {
    const name = String(state.value);
    if (way.length < (ways.get(name)?.length ?? Number.POSITIVE_INFINITY)) ways.set(name, way);
  }
  return ways;
}

/** To every state that can be told apart, and from there by every event there is. */
export function pathsOf(model: Case): readonly Path[] {
  return reachedIn(model).flatMap(({ way }) => model.events.map((event) => [...way, event]));
}

/** The same events in the same states on fewer paths: events that leave a state as it is follow each other on one. */
export function sharedPathsOf(model: Case): readonly Path[] {
  const { machine, events } = model;
  const written = (state: AnyMachineSnapshot) =>
    JSON.stringify(machine.getPersistedSnapshot(state));
  return reachedIn(model).flatMap(({ state, way }) => {
    const here = written(state);
    const isStill = (event: EventObject) =>
      state.status !== "active" || written(transition(machine, state, event as never)[0]) === here;
    const still = events.filter(isStill);
    const [first, ...others] = events.filter((event) => !isStill(event));
    const all = [...way, ...still, ...(first ? [first] : [])];
    return [all, ...others.map((event) => [...way, event])];
  });
}
