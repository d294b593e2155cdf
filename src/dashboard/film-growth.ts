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
  readonly lanes: readonly LaneGrowth[];
}

const lengths = ({ lanes }: Film) =>
  lanes.map(({ actor, steps, servedAt, trouble }) => [actor, steps.length, servedAt, trouble]);

/** The growth that makes one film of an earlier one, or null where there is none. Pure. */
export function growthBetween(before: Film | null, after: Film): FilmGrowth | null {
  const earlier = before?.upgradeId === after.upgradeId ? before : null;
  if (earlier && JSON.stringify(lengths(earlier)) === JSON.stringify(lengths(after))) return null;
  const { lanes, charts, ...film } = after;
  const grown = lanes.map(({ steps, ...lane }): LaneGrowth => {
    const had = earlier?.lanes.find(({ actor }) => actor === lane.actor)?.steps.length ?? 0;
    const known = Math.min(had, steps.length);
    return { lane, known, steps: steps.slice(known) };
  });
  return { film, ...(earlier ? {} : { charts }), lanes: grown };
}

/**
 * The film after its growth. A step counts once, and none is missing. Pure.
 * @returns undefined where the growth does not fit: the reader needs the whole film
 */
export function withGrowth(before: Film | null, growth: FilmGrowth): Film | undefined {
  const earlier = before?.upgradeId === growth.film.upgradeId ? before : null;
  const charts = growth.charts ?? earlier?.charts;
  if (charts === undefined) return undefined;
  const lanes: Lane[] = [];
  for (const { lane, known, steps } of growth.lanes) {
    const had = earlier?.lanes.find(({ actor }) => actor === lane.actor)?.steps ?? [];
    if (had.length < known) return undefined;
    lanes.push({ ...lane, steps: [...had.slice(0, known), ...steps] });
  }
  return { ...growth.film, charts, lanes };
}
