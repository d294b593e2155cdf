import type { Entry } from "../../src/store/store.ts";

/** How often a machine was seen to go from one state to another by an event. */
export interface Edge {
  readonly machine: string;
  readonly from: string;
  readonly event: string;
  readonly to: string;
  readonly count: number;
}

/** Counts the transitions that journals record, added to those counted before. Pure. */
export function countEdges(
  before: readonly Edge[],
  journals: readonly (readonly Entry[])[],
): readonly Edge[] {
  const edges = new Map<string, Edge>();
  const add = (edge: Edge) => {
    const key = [edge.machine, edge.from, edge.event, edge.to].join(" ");
    edges.set(key, { ...edge, count: edge.count + (edges.get(key)?.count ?? 0) });
  };
  for (const edge of before) add(edge);
  for (const entries of journals) {
    for (const [index, { machine, event, state, outcome }] of entries.entries()) {
      const from = entries[index - 1]?.state;
      if (from === undefined || outcome !== "applied") continue;
      add({ machine, from, event: event.type, to: state, count: 1 });
    }
  }
  return [...edges].toSorted(([left], [right]) => (left < right ? -1 : 1)).map(([, edge]) => edge);
}
