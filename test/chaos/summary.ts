import type { Entry } from "../../src/journal/store.ts";
import type { UpgradeResult } from "./run-upgrade.ts";

/** From the loss of a master to the next entry of the coordinator in a later epoch. Pure. */
export function takeoverTimes(
  results: readonly UpgradeResult[],
  journals: readonly (readonly Entry[])[],
): readonly number[] {
  return results.flatMap(({ mastersLost }) =>
    mastersLost.flatMap(({ upgradeId, epoch, at }) => {
      const entries = journals.find(([first]) => first?.actor === `upgrade/${upgradeId}`);
      const next = entries?.find((entry) => entry.at >= at && entry.epoch > epoch);
      return next ? [next.at - at] : [];
    }),
  );
}

/** The number of times that each name is there, in the order of the names. Pure. */
export function countBy(names: readonly string[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const name of names.toSorted()) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

const percentile = (sorted: readonly number[], part: number) =>
  sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * part) - 1)] ?? null;

/** The figures of all runs. Pure. */
export function summary(results: readonly UpgradeResult[], takeoversMs: readonly number[]) {
  const sorted = takeoversMs.toSorted((left, right) => left - right);
  return {
    upgrades: results.length,
    ends: countBy(results.map(({ end }) => end)),
    reasons: countBy(results.flatMap(({ reason }) => reason ?? [])),
    pauses: countBy(results.flatMap(({ pause }) => pause ?? [])),
    checks: results.reduce((sum, { checks }) => sum + checks, 0),
    faults: countBy(results.flatMap(({ faults }) => faults)),
    missed: countBy(results.flatMap(({ missed }) => missed)),
    takeovers: {
      count: sorted.length,
      p50Ms: percentile(sorted, 0.5),
      p99Ms: percentile(sorted, 0.99),
      maxMs: sorted.at(-1) ?? null,
    },
  };
}
