import type { Document } from "mongodb";

/** A holder that needs history, and for how long. */
export interface HistoryHolder {
  readonly holder: string;
  readonly seconds: number;
  /** By the database's clock when it is over by itself; null for an upgrade's, which its end lets go. */
  readonly untilMs: number | null;
}

/** A member's value before, and the value that it was set to: any other one is an operator's. */
export interface HistoryMember {
  readonly host: string;
  readonly previous: number;
  readonly values: readonly number[];
}

export interface HistoryRecord {
  readonly holders: readonly HistoryHolder[];
  readonly members: readonly HistoryMember[];
  readonly nowMs: number;
}

/** The longest that somebody needs whose hold is not over; 0 for nobody. Pure. */
function wantedSeconds({ holders, nowMs }: HistoryRecord): number {
  const live = holders.filter(({ untilMs }) => untilMs === null || untilMs >= nowMs);
  return Math.max(0, ...live.map(({ seconds }) => seconds));
}

export type HistoryPlan =
  | { readonly kind: "nothing" }
  | { readonly kind: "raise"; readonly value: number }
  /** To the value before; null where an operator, or a restart, has set another one since. */
  | { readonly kind: "lower"; readonly to: number | null };

/**
 * Decides about one member. Pure.
 * @param mine what this very process has just set: a release may have struck the member out before
 */
export function historyPlan(
  record: HistoryRecord,
  host: string,
  current: number,
  mine: { readonly previous: number; readonly value: number } | null,
): HistoryPlan {
  const wanted = wantedSeconds(record);
  if (wanted > current) return { kind: "raise", value: wanted };
  if (wanted > 0) return { kind: "nothing" };
  const member = record.members.find((candidate) => candidate.host === host);
  if (member) {
    return { kind: "lower", to: member.values.includes(current) ? member.previous : null };
  }
  return mine && mine.value === current && mine.previous !== current
    ? { kind: "lower", to: mine.previous }
    : { kind: "nothing" };
}

/** The update that adds a hold, or renews it. Pure. */
export function holding(holder: HistoryHolder): Document[] {
  const others = {
    $filter: {
      input: { $ifNull: ["$holders", []] },
      cond: { $ne: ["$$this.holder", { $literal: holder.holder }] },
    },
  };
  return [{ $set: { holders: { $concatArrays: [others, [{ $literal: holder }]] } } }];
}

/**
 * The update that notes what a member has before it is set to a value. Where it has what was set already, what
 * it had at first stays noted. Pure.
 */
export function remembering(host: string, current: number, value: number): Document[] {
  const members = { $ifNull: ["$members", []] };
  const isHost = { $eq: ["$$this.host", { $literal: host }] };
  const known = { $first: { $filter: { input: members, cond: isHost } } };
  const others = { $filter: { input: members, cond: { $not: isHost } } };
  const values = { $ifNull: ["$$known.values", []] };
  const noted = {
    host: { $literal: host },
    previous: { $cond: [{ $in: [current, values] }, "$$known.previous", current] },
    values: { $setUnion: [values, [value]] },
  };
  return [
    {
      $set: {
        members: { $let: { vars: { known }, in: { $concatArrays: [others, [noted]] } } },
      },
    },
  ];
}
