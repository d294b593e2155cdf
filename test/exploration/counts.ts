import { edgeKey } from "../../src/diagram/edge-counts.ts";
import { countsText } from "../support/edge-counts.ts";
import { madeMoves } from "./tails.ts";

/** How often each edge of both machines was taken by all that this process has explored, as a file. */
export function exploredCounts(): string {
  const counts = new Map<string, Map<string, number>>();
  for (const { edges, made } of madeMoves()) {
    for (const { machine, ...edge } of edges) {
      const known = counts.get(machine) ?? new Map<string, number>();
      counts.set(machine, known);
      const key = edgeKey({ ...edge, leaves: false });
      known.set(key, (known.get(key) ?? 0) + made);
    }
  }
  return countsText(counts);
}
