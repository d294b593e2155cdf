import type { Reason } from "../../../machines/vocabulary.ts";
import type { Film, FilmDeadline, FilmStep, Lane } from "./film.ts";

/** One stay of an actor in a state. */
export interface FilmVisit {
  readonly state: string;
  readonly from: number;
  /** Null for the state in which the film ends. */
  readonly until: number | null;
  /** The event that led there, and the edges that it took. */
  readonly event: string;
  readonly edges: readonly string[];
  readonly revision: number;
}

/** One actor at one moment. */
export interface LaneMoment {
  readonly actor: string;
  readonly agent: string | null;
  /** Null before the actor began. All that follows is null or empty then. */
  readonly state: string | null;
  /** The moment at which it entered the state. */
  readonly since: number | null;
  /** Its last entry so far. */
  readonly step: FilmStep | null;
  /** The keys of the edges that it has taken so far, each once, in the order of their first use. */
  readonly taken: readonly string[];
  /** The keys of the edges that the last event with any has taken. */
  readonly last: readonly string[];
  readonly deadlines: readonly FilmDeadline[];
  /** The last reason so far. */
  readonly reason: Reason | null;
  readonly serves: boolean;
}

/** A film at one moment. */
export interface Moment {
  readonly at: number;
  readonly lanes: readonly LaneMoment[];
}

/** The states through which a lane went, in order. A state that was entered anew is a visit of its own. Pure. */
export function visitsOfLane({ steps }: Pick<Lane, "steps">): readonly FilmVisit[] {
  const entered = steps.filter(({ enters }) => enters);
  return entered.map(({ state, at, event, edges, revision }, index) => ({
    ...{ state, from: at, until: entered[index + 1]?.at ?? null, event, edges, revision },
  }));
}

/** The first and the last moment of a film. Pure. */
export function spanOf({ lanes }: Pick<Film, "lanes">): {
  readonly from: number;
  readonly until: number;
} {
  const times = lanes.flatMap(({ steps, servedAt }) => [
    ...steps.map(({ at }) => at),
    ...(servedAt === null ? [] : [servedAt]),
  ]);
  let [from, until] = [times[0] ?? 0, times[0] ?? 0];
  for (const at of times) [from, until] = [Math.min(from, at), Math.max(until, at)];
  return { from, until };
}

/**
 * One actor as it was at a time by the database's clock. One pass over the past steps: a slider asks this of ten thousand
 * lanes for each of its frames. Pure.
 */
function laneAt(lane: Lane, timeMs: number): LaneMoment {
  const { actor, agent, steps, servedAt } = lane;
  const taken = new Set<string>();
  let [since, last, reason]: [number | null, readonly string[], Reason | null] = [null, [], null];
  let step: FilmStep | null = null;
  for (const each of steps) {
    if (each.at > timeMs) break;
    step = each;
    if (each.enters) since = each.at;
    if (each.reason !== null) reason = each.reason;
    if (each.edges.length === 0) continue;
    last = each.edges;
    for (const key of each.edges) taken.add(key);
  }
  return {
    ...{ actor, agent, step, since, reason, last },
    state: step?.state ?? null,
    taken: [...taken],
    deadlines: step?.deadlines ?? [],
    serves: servedAt !== null && servedAt <= timeMs,
  };
}

/** Every actor of a film as it was at a time by the database's clock. Pure. */
export function momentAt({ lanes }: Pick<Film, "lanes">, timeMs: number): Moment {
  return { at: timeMs, lanes: lanes.map((lane) => laneAt(lane, timeMs)) };
}

/** One line of a film: a step of an actor, or that its agent serves again. */
export interface FilmLine {
  readonly at: number;
  readonly lane: Lane;
  /** Null where the agent serves for the first time after the upgrade. */
  readonly step: FilmStep | null;
}

/** All lanes of a film in the order of time. Pure. */
export function linesOf({ lanes }: Pick<Film, "lanes">): readonly FilmLine[] {
  const lines = lanes.flatMap((lane): readonly FilmLine[] => [
    ...lane.steps.map((step) => ({ at: step.at, lane, step })),
    ...(lane.servedAt === null ? [] : [{ at: lane.servedAt, lane, step: null }]),
  ]);
  // Lines of one time stay in the order of the lanes, and within a lane in that of its revisions.
  return lines.toSorted((one, other) => one.at - other.at);
}
