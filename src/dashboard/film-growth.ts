import type { Film, FilmStep, Lane } from "../operator/film/film.ts";

/** The steps that a lane has got since. */
interface LaneGrowth {
  readonly lane: Omit<Lane, "steps">;
  /** The number of steps that the reader has already. */
  readonly known: number;
  readonly steps: readonly FilmStep[];
}

/** The part of a film that a page does not have yet. */
export interface FilmGrowth {
  readonly film: Omit<Film, "lanes" | "charts">;
  /** Absent where the page has them. */
  readonly charts?: Film["charts"];
  /** The lanes that are new or have changed: a fleet may have ten thousand, of which few move at once. */
  readonly lanes: readonly LaneGrowth[];
  /** The actors of lanes that are no longer there. */
  readonly gone: readonly string[];
}

const byActor = (film: Film | null) => new Map(film?.lanes.map((lane) => [lane.actor, lane]));

function isSame(one: Lane, other: Lane): boolean {
  return (
    one.steps.length === other.steps.length &&
    one.servedAt === other.servedAt &&
    one.trouble === other.trouble &&
    one.required === other.required &&
    one.role === other.role
  );
}

/** The order of a film's lanes. */
function compareLanes(one: Lane, other: Lane): number {
  const [left, right] = [one.agent ?? "", other.agent ?? ""];
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

/** The growth that makes one film of an earlier one, or null where there is none. Pure. */
export function growthBetween(before: Film | null, after: Film): FilmGrowth | null {
  const earlier = before?.upgradeId === after.upgradeId ? before : null;
  const had = byActor(earlier);
  const { lanes, charts, ...film } = after;
  const grown: LaneGrowth[] = [];
  for (const lane of lanes) {
    const same = had.get(lane.actor);
    had.delete(lane.actor);
    if (same !== undefined && isSame(same, lane)) continue;
    const { steps, ...rest } = lane;
    const known = Math.min(same?.steps.length ?? 0, steps.length);
    grown.push({ lane: rest, known, steps: steps.slice(known) });
  }
  const gone = [...had.keys()];
  if (earlier && grown.length + gone.length === 0) return null;
  return { film, ...(earlier ? {} : { charts }), lanes: grown, gone };
}

/**
 * The film after its growth. A step counts once, and none is missing. Pure.
 * @returns undefined where the growth does not fit: the reader needs the whole film
 */
export function withGrowth(before: Film | null, growth: FilmGrowth): Film | undefined {
  const earlier = before?.upgradeId === growth.film.upgradeId ? before : null;
  const charts = growth.charts ?? earlier?.charts;
  if (charts === undefined) return undefined;
  const lanes = byActor(earlier);
  for (const actor of growth.gone) lanes.delete(actor);
  for (const { lane, known, steps } of growth.lanes) {
    const had = lanes.get(lane.actor)?.steps ?? [];
    if (had.length < known) return undefined;
    lanes.set(lane.actor, { ...lane, steps: [...had.slice(0, known), ...steps] });
  }
  return { ...growth.film, charts, lanes: [...lanes.values()].toSorted(compareLanes) };
}
