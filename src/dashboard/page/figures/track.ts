/** One stay of an upgrade in a state, as the history has it. */
interface Visit {
  readonly state: string;
  readonly at: number;
  readonly lastedMs: number | null;
}

/** A state on the way of an upgrade. */
export interface Stop {
  readonly state: string;
  readonly kind: "past" | "now" | "ahead" | "skipped" | "failed" | "good" | "back";
  /** How long the upgrade was in it, or null. */
  readonly lastedMs: number | null;
}

const forward = ["waiting", "backing-up", "rehearsing", "migrating", "awaiting-peers"];
const ends: Readonly<Record<string, Stop["kind"]>> = { done: "good", "rolled-back": "back" };

/** The total time of all stays in a state, or null where it was not entered or is the present one. Pure. */
function lasted(visits: readonly Visit[], state: string): number | null {
  const times = visits.flatMap((visit) => (visit.state === state ? (visit.lastedMs ?? []) : []));
  return times.length === 0 ? null : times.reduce((sum, each) => sum + each, 0);
}

/** A pause is a part of the migration. */
const placeOf = (state: string) => (state === "paused" ? "migrating" : state);

/** The way of an upgrade: the states behind it, its own, and those ahead. Pure. */
export function trackOf(present: string, stays: readonly Visit[]): readonly Stop[] {
  const state = placeOf(present);
  const visits = stays.map((visit) => ({ ...visit, state: placeOf(visit.state) }));
  const seen = new Set([...visits.map((visit) => visit.state), state]);
  const isBack = ["rolling-back", "blocked", "rolled-back"].some((each) => seen.has(each));
  const lastForward = forward.findLastIndex((each) => seen.has(each));
  const way = isBack
    ? [
        ...forward.slice(0, lastForward + 1).filter((each) => seen.has(each)),
        ...["rolling-back", "blocked"].filter((each) => seen.has(each)),
        "rolled-back",
      ]
    : [...forward, "done"];
  return way.map((each, index) => {
    const kindOf = (): Stop["kind"] => {
      if (each === state) return ends[each] ?? "now";
      if (isBack && index === lastForwardIn(way)) return "failed";
      if (seen.has(each)) return "past";
      return !isBack && (index < lastForward || state === "done") ? "skipped" : "ahead";
    };
    return { state: each, kind: kindOf(), lastedMs: lasted(visits, each) };
  });
}

const lastForwardIn = (way: readonly string[]) =>
  way.findLastIndex((each) => forward.includes(each));
