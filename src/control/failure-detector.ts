import { limits } from "../limits.ts";
import type { Clock } from "../ports/clock.ts";

/**
 * Tells whether the silence of others means anything. It does not while the database is away or its clock has jumped.
 * Each heartbeat of our own and each reading of the active upgrade is an observation.
 */
export interface FailureDetector {
  /** Notes that the store has answered with this time. */
  observe(storeMs: number): void;
  /** True when the store has answered without a gap for as long as an agent may be silent. */
  canJudgeSilence(storeMs: number): boolean;
}

export function createFailureDetector(
  clock: Pick<Clock, "monotonicMs">,
  storeMs: number,
): FailureDetector {
  let sinceMs = storeMs;
  let last = { storeMs, ownMs: clock.monotonicMs() };
  let gapsInARow = 0;
  const isGap = (nowMs: number): boolean => {
    const passedMs = clock.monotonicMs() - last.ownMs;
    const jumpedMs = Math.abs(nowMs - last.storeMs - passedMs);
    return passedMs > limits.detectorGapMs || jumpedMs > limits.clockJumpMs;
  };
  return {
    observe(nowMs) {
      const gap = isGap(nowMs);
      if (gap) sinceMs = nowMs;
      gapsInARow = gap ? gapsInARow + 1 : 0;
      last = { storeMs: nowMs, ownMs: clock.monotonicMs() };
    },
    canJudgeSilence(nowMs) {
      if (!isGap(nowMs)) {
        if (nowMs - sinceMs > limits.heartbeatStaleMs) return true;
      } else if (clock.monotonicMs() - last.ownMs > 2 * limits.heartbeatStaleMs) return false;
      // A database that is always this slow will never answer better.
      return gapsInARow >= limits.detectorGapsMax;
    },
  };
}
