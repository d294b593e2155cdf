import type { Film, Lane } from "../../../operator/film/film.ts";
import { spanOf, visitsOfLane } from "../../../operator/film/moment.ts";

/** A stay in a state, as parts of the whole width. */
export interface Segment {
  readonly key: number;
  readonly state: string;
  readonly left: number;
  readonly width: number;
  readonly lastedMs: number;
}

/** A moment that is worth a mark. */
export interface Mark {
  readonly key: string;
  readonly kind: "took-over" | "restarted" | "died" | "served" | "rejected";
  readonly left: number;
  readonly text: string;
}

export interface Row {
  readonly actor: string;
  readonly label: string;
  readonly segments: readonly Segment[];
  readonly marks: readonly Mark[];
}

/** The lanes of a film over a span of time. */
export interface Rows {
  readonly fromMs: number;
  readonly lengthMs: number;
  readonly rows: readonly Row[];
}

const words = {
  "took-over": (_: Lane, by: string | null) => `${by ?? "another agent"} took over`,
  restarted: ({ agent }: Lane) => `${agent} came back as another version`,
  died: ({ agent }: Lane) => `the process of ${agent} died, and another one goes on`,
} as const;

function marksOf(lane: Lane, part: (at: number) => number): readonly Mark[] {
  const changes = lane.steps.flatMap((step): Mark[] => {
    const { change, outcome, at, by, revision, event, reason } = step;
    const place = { key: `${revision}`, left: part(at) };
    if (change !== null) return [{ ...place, kind: change, text: words[change](lane, by) }];
    if (outcome !== "rejected") return [];
    const text = `${event} was rejected${reason ? `: ${reason.message}` : ""}`;
    return [{ ...place, kind: "rejected", text }];
  });
  if (lane.servedAt === null) return changes;
  const text = `${lane.agent} serves again`;
  return [...changes, { key: "served", kind: "served", left: part(lane.servedAt), text }];
}

/** The lanes of a film, from its beginning to its end or to the present. Pure. */
export function rowsOf(film: Film, nowMs: number | null): Rows {
  const { from, until } = spanOf(film);
  const end = Math.max(until, nowMs ?? until, from + 1);
  const part = (at: number) => ((at - from) / (end - from)) * 100;
  const rows = film.lanes.map((lane) => ({
    actor: lane.actor,
    label: lane.agent ?? "upgrade",
    segments: visitsOfLane(lane).map(({ state, from: at, until: left, revision }) => ({
      ...{ key: revision, state, left: part(at), width: part(left ?? end) - part(at) },
      lastedMs: (left ?? end) - at,
    })),
    marks: marksOf(lane, part),
  }));
  return { fromMs: from, lengthMs: end - from, rows };
}

/** The moment of the next entry of any actor after a time, or of the one before it. Pure. */
export function neighbour(film: Film, timeMs: number, direction: 1 | -1): number | null {
  const times = film.lanes.flatMap(({ steps }) => steps.map(({ at }) => at));
  const beyond = times.filter((at) => (direction > 0 ? at > timeMs : at < timeMs));
  if (beyond.length === 0) return null;
  return beyond.reduce((best, at) => (direction > 0 ? Math.min(best, at) : Math.max(best, at)));
}
