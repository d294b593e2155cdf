// Aim: no path of either machine breaks an invariant, and no edge is left unvisited. Method: all
// paths of xstate/graph through the pure machine; edges counted from the machine itself.
import { describe, expect, test } from "vitest";
import { type AnyMachineSnapshot, initialTransition, transition } from "xstate";
import { chartOf } from "../../src/diagram/chart.ts";
import { cases } from "./cases.ts";
import { invariantsOf } from "./invariants-of.ts";
import { pathsOf } from "./paths.ts";

describe.each(cases)("$name", (model) => {
  const visited = new Set<string>();
  const paths = pathsOf(model);

  test("every path keeps the invariants", () => {
    expect(paths.length).toBeGreaterThan(300);
    for (const path of paths) {
      let [snapshot] = initialTransition(model.machine, model.input as never);
      for (const event of path) {
        // The engine takes no event to a final state; nor does this walk.
        if (snapshot.status !== "active") break;
        const [next] = transition(model.machine, snapshot, event as never);
        const seen = (state: AnyMachineSnapshot) => ({
          state: String(state.value),
          context: state.context as unknown,
        });
        const [before, after] = [seen(snapshot), seen(next as AnyMachineSnapshot)];
        expect(invariantsOf(model.name, before, after, event.type), JSON.stringify(path)).toEqual(
          [],
        );
        visited.add(`${before.state} ${event.type} ${after.state}`);
        snapshot = next as AnyMachineSnapshot;
      }
    }
  });

  test("every edge is visited", () => {
    const { edges, everywhere, states } = chartOf(model.machine);
    const unvisited = edges.filter(({ from, event, to }) => {
      if (event !== "always") return !visited.has(`${from} ${event} ${to}`);
      return ![...visited].some((edge) => {
        return edge.startsWith(`${from} `) && edge.endsWith(` ${to}`);
      });
    });
    // A self-edge of an eager guard shows as the event that made it true.
    expect(unvisited.map(({ from, event, to }) => `${from} ${event} ${to}`)).toEqual([]);
    const live = states.filter(({ final }) => !final);
    for (const event of everywhere) {
      for (const { name } of live) {
        expect([...visited].some((edge) => edge.startsWith(`${name} ${event} `))).toBe(true);
      }
    }
  });
});
