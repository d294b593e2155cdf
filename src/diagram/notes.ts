import type { Edge } from "./chart.ts";
import { type CountsBySource, countsOf, edgeKey } from "./edge-counts.ts";
import { edgeWords } from "./words.ts";

export type Change = "added" | "removed";

/** Notes on the parts of a chart. They take room, so they are there before anything is placed. */
export interface Notes {
  readonly counts?: CountsBySource;
  /** Changed edges, by their keys. */
  readonly edges?: ReadonlyMap<string, Change>;
  /** Changed states, by their names. */
  readonly states?: ReadonlyMap<string, Change>;
  /** True for a small picture, from left to right, in which no arrow has a label and no state a note. Default: false */
  readonly brief?: boolean;
}

const signs = { added: "+ ", removed: "− " } as const;

/** The sign of a change, which says the same as its colour. Pure. */
export function signOf(change: Change | undefined): string {
  return change === undefined ? "" : signs[change];
}

/** How often each source took an edge: ` (3 / 1)`. It is empty where nothing was counted. Pure. */
export function countText(edge: Edge, { counts = {} }: Notes): string {
  const taken = countsOf(edge, counts);
  return taken.length === 0 ? "" : ` (${taken.join(" / ")})`;
}

/** An edge in words, with the sign of its change. Pure. */
export function edgeText(edge: Edge, { edges }: Notes): string {
  return `${signOf(edges?.get(edgeKey(edge)))}${edgeWords(edge)}`;
}
