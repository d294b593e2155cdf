import type { Chart, Edge } from "./chart.ts";

/** The sources that count edges. A real fleet under faults is no check, as it cannot be repeated. */
export const countSources = ["model", "exploration", "simulation", "chaos"] as const;

export type CountSource = (typeof countSources)[number];

/** How often each edge was taken, by its key. A missing edge was not taken. */
export type EdgeCounts = Readonly<Record<string, number>>;

/** The counts of each source on one machine. A source without a file is missing. */
export type CountsBySource = Readonly<Partial<Record<CountSource, EdgeCounts>>>;

/** The one name of an edge within its machine. Pure. */
export function edgeKey({ from, event, guard, to }: Edge): string {
  return `${from} ${event}${guard === null ? "" : ` ${guard}`} -> ${to}`;
}

/** The sources that have counted, in their order. Pure. */
export function presentSources(counts: CountsBySource): readonly CountSource[] {
  return countSources.filter((source) => counts[source] !== undefined);
}

/** How often each present source took the edge. Pure. */
export function countsOf(edge: Edge, counts: CountsBySource): readonly number[] {
  return presentSources(counts).map((source) => counts[source]?.[edgeKey(edge)] ?? 0);
}

/**
 * All edges that can be taken: the drawn ones, and the events that every live state takes unless it says otherwise.
 * Pure.
 */
export function countableEdges({ edges, everywhere, states }: Chart): readonly Edge[] {
  const general = states
    .filter(({ kind }) => kind !== "final")
    .flatMap(({ name }) =>
      everywhere
        .filter((event) => !edges.some((edge) => edge.from === name && edge.event === event))
        .map((event) => ({ from: name, to: name, event, guard: null, leaves: false })),
    );
  return [...edges, ...general];
}

/** The edges that no repeatable source takes. Pure. */
export function untakenEdges(chart: Chart, counts: CountsBySource): readonly string[] {
  const repeated = countSources.filter((source) => source !== "chaos");
  return countableEdges(chart)
    .map(edgeKey)
    .filter((key) => !repeated.some((source) => counts[source]?.[key]));
}

/** Counted edges that the machine does not have (any more). Pure. */
export function unknownEdges(chart: Chart, counts: CountsBySource): readonly string[] {
  const known = new Set(countableEdges(chart).map(edgeKey));
  return presentSources(counts).flatMap((source) =>
    Object.keys(counts[source] ?? {}).flatMap((key) =>
      known.has(key) ? [] : [`${key} (${source})`],
    ),
  );
}
