import type { Document } from "mongodb";
import type { HistoryHolder, HistoryMember } from "../../journal/fence.ts";

export interface HistoryRecord {
  readonly holders: readonly HistoryHolder[];
  readonly members: readonly HistoryMember[];
  readonly nowMs: number;
}

/** True for a hold whose time has passed. Pure. */
export function isOver({ untilMs }: Pick<HistoryHolder, "untilMs">, nowMs: number): boolean {
  return untilMs !== null && untilMs < nowMs;
}

/** The longest time of the holds that are not over, in seconds; 0 without a hold. Pure. */
function wantedSeconds({ holders, nowMs }: HistoryRecord): number {
  const live = holders.filter((holder) => !isOver(holder, nowMs));
  return Math.max(0, ...live.map(({ seconds }) => seconds));
}

export type HistoryPlan =
  | { readonly kind: "nothing" }
  | { readonly kind: "raise"; readonly value: number }
  /** The value to restore. It is null where an operator or a restart has set another one since. */
  | { readonly kind: "lower"; readonly to: number | null };

/**
 * Decides about one member. Pure.
 * @param mine the value that this process has just set: a release may have removed the member's entry before
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

/** The update that adds or renews a hold. Pure. */
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
 * The update that notes a member's present value before another one is set. Where the member has a value of ours
 * already, its first value stays noted. Pure.
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
