import type { AnyStateMachine } from "xstate";
import {
  anyState,
  type Chart,
  type ChartState,
  chartOf,
  type TypedEdge,
  typedEdgesOf,
} from "./chart.ts";
import { edgeKey } from "./edge-counts.ts";

/** The edges of a chart with the types of their events. */
export interface TypedChart {
  readonly edges: readonly TypedEdge[];
  /** Those that XState takes by itself, in the same transition as the one before them. */
  readonly following: readonly TypedEdge[];
  readonly entering: Entering;
}

/** Pure. */
export function typedChartOf(machine: AnyStateMachine): TypedChart {
  const edges = typedEdgesOf(machine);
  const following = edges.filter(
    ({ type }) => type === "" || type.startsWith("xstate.done.state."),
  );
  return { edges, following, entering: new Entering(chartOf(machine)) };
}

function matches(type: string, edgeType: string): boolean {
  if (edgeType === type || edgeType === "*") return edgeType !== "";
  return edgeType.endsWith(".*") && type.startsWith(edgeType.slice(0, -1));
}

/** The states that are active once an edge has led to one: those around it, and those in which it begins. */
class Entering {
  readonly #states: ReadonlyMap<string, ChartState>;

  constructor({ states }: Chart) {
    this.#states = new Map(states.map((state) => [state.name, state]));
  }

  #around(name: string): readonly string[] {
    const parent = this.#states.get(name)?.parent ?? null;
    return parent === null ? [] : [parent, ...this.#around(parent)];
  }

  #within(name: string): readonly string[] {
    const state = this.#states.get(name);
    if (state?.kind === "parallel") {
      const regions = [...this.#states.values()].filter(({ parent }) => parent === name);
      return regions.flatMap((region) => [region.name, ...this.#within(region.name)]);
    }
    const initial = state?.initial ?? null;
    return initial === null ? [] : [initial, ...this.#within(initial)];
  }

  of({ edge }: TypedEdge): readonly string[] {
    // A history leads to a state that only the actor knows.
    if (this.#states.get(edge.to)?.kind === "history") return this.#around(edge.to);
    const inner = edge.leaves ? this.#within(edge.to) : [];
    return [edge.to, ...this.#around(edge.to), ...inner];
  }
}

/** The edges of the shortest ways that begin with one of some edges and end among the active states. */
function shortestWays(
  { following, entering }: TypedChart,
  first: readonly TypedEdge[],
  after: readonly string[],
): readonly string[] {
  let ways: readonly (readonly TypedEdge[])[] = first.map((edge) => [edge]);
  const seen = new Set<TypedEdge>();
  while (ways.length > 0) {
    const entered = ways.map((way) => ({ way, at: entering.of(way.at(-1) as TypedEdge) }));
    const ended = entered.filter(({ at }) => at.every((name) => after.includes(name)));
    if (ended.length > 0) return ended.flatMap(({ way }) => way.map(({ edge }) => edgeKey(edge)));
    ways = entered.flatMap(({ way, at }) =>
      following
        .filter(
          (next) => !seen.has(next) && (next.edge.from === anyState || at.includes(next.edge.from)),
        )
        .map((next) => [...way, next]),
    );
    for (const way of ways) seen.add(way.at(-1) as TypedEdge);
  }
  return [];
}

const depthOf = (name: string) => name.split(".").length;

/**
 * The keys of the edges that an event took between two states of a machine, as far as these states tell: a journal keeps
 * no snapshots of the past. Where several ways of equal length lead from one to the other, it has the edges of all of
 * them. Pure.
 * @param before the names of the states that were active before the event
 */
export function edgesBetween(
  typed: TypedChart,
  before: readonly string[],
  eventType: string,
  after: readonly string[],
): readonly string[] {
  const found: string[] = [];
  const taken = new Set<string>();
  // The innermost states first: what takes an event hides it from the states around.
  const sources = [...before.toSorted((one, other) => depthOf(other) - depthOf(one)), anyState];
  for (const from of sources) {
    const isHidden = [...taken].some((name) => from === anyState || name.startsWith(`${from}.`));
    if (isHidden) continue;
    const first = typed.edges.filter(
      ({ edge, type }) => edge.from === from && matches(eventType, type),
    );
    const ways = shortestWays(typed, first, after);
    if (ways.length > 0) taken.add(from);
    found.push(...ways);
  }
  return [...new Set(found)];
}
