import { madeMoves } from "./tails.ts";
import { allEdges, type Edge } from "./taken.ts";

export interface EdgeCount extends Edge {
  readonly count: number;
}

const keyOf = ({ machine, from, event, guard, to }: Edge) =>
  [machine, from, event, guard, to].join("|");

/** How often each edge of both machines was taken by all that this process has explored. */
export function edgeCounts(): readonly EdgeCount[] {
  const counts = new Map<string, EdgeCount>();
  for (const edge of allEdges()) counts.set(keyOf(edge), { ...edge, count: 0 });
  for (const { edges, made } of madeMoves()) {
    for (const edge of edges) {
      const count = (counts.get(keyOf(edge))?.count ?? 0) + made;
      counts.set(keyOf(edge), { ...edge, count });
    }
  }
  return [...counts.values()];
}
