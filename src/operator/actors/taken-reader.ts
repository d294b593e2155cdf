import { edgesBetween, type TypedChart } from "../../diagram/edges-between.ts";
import type { PastEntry } from "../../engine/journal/entry.ts";
import type { EngineStore } from "../../engine/journal/store.ts";
import { limits } from "../../limits.ts";
import { entriesBetween } from "./journal.ts";
import type { ShownActor } from "./show-actor.ts";
import { activeStatesOf } from "./state-names.ts";

/** The way of an actor through its chart, as far as its journal tells. */
export interface Taken {
  /** The keys of the edges that it took, each once, and those that the last event with any has taken. */
  readonly taken: readonly string[];
  readonly last: readonly string[];
  /** The names of all states in which it was. */
  readonly passed: readonly string[];
  /** The revision after which all of that was: 0 for the whole way. */
  readonly from: number;
}

export interface Way extends Taken {
  readonly tail: PastEntry | null;
}

export const noWay: Way = { taken: [], last: [], passed: [], from: 0, tail: null };

const union = (one: readonly string[], other: readonly string[]) => [
  ...new Set([...one, ...other]),
];

/** The way with one more entry. It begins anew where the entry does not follow, or has another version's chart. Pure. */
export function grownWay({ tail, ...way }: Way, entry: PastEntry, chart: TypedChart): Way {
  const active = activeStatesOf(entry.state);
  const isNext =
    tail?.revision === entry.revision - 1 &&
    tail.startedAtMs === entry.startedAtMs &&
    tail.version === entry.version;
  if (!isNext) return { ...noWay, passed: active, from: entry.revision, tail: entry };
  const edges =
    entry.outcome === "applied" && entry.kind !== "stopped"
      ? edgesBetween(chart, activeStatesOf(tail.state), entry.eventType, active)
      : [];
  return {
    taken: union(way.taken, edges),
    last: edges.length > 0 ? edges : way.last,
    passed: union(way.passed, active),
    ...{ from: way.from, tail: entry },
  };
}

/** Reads the ways of actors. What was read once is not read again, so that a page can ask each second. */
export class TakenReader {
  readonly #store: Pick<EngineStore, "entries">;
  readonly #known = new Map<string, Way>();

  constructor(store: Pick<EngineStore, "entries">) {
    this.#store = store;
  }

  /** The way of an actor up to a revision, of its last transitions where it has many. */
  async read(
    { id, revision, started }: Pick<ShownActor, "id" | "revision" | "started">,
    chart: TypedChart,
  ): Promise<Taken> {
    const known = this.#known.get(id) ?? noWay;
    const isKnown =
      known.tail?.startedAtMs === started.getTime() && known.tail.revision <= revision;
    let way = isKnown ? known : noWay;
    const next = (way.tail?.revision ?? -1) + 1;
    const first = Math.max(next, revision - limits.dashboardTakenTransitionsMax);
    for await (const entry of entriesBetween(this.#store, id, first, revision + 1)) {
      way = grownWay(way, entry, chart);
    }
    this.#keep(id, way);
    const { tail: _, ...taken } = way;
    return taken;
  }

  #keep(id: string, way: Way): void {
    this.#known.delete(id);
    this.#known.set(id, way);
    const [oldest] = this.#known.keys();
    if (this.#known.size > limits.dashboardLooksKept && oldest !== undefined) {
      this.#known.delete(oldest);
    }
  }
}
