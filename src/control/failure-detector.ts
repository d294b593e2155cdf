import { limits } from "../limits.ts";
import type { Clock } from "../ports/clock.ts";

/**
 * Whether others could be heard: while the database was away, or where its clock has jumped, nobody's
 * silence says anything. Looked at with each heartbeat of our own, and whenever the upgrade under way is read.
 */
export interface FailureDetector {
  /** The store's clock has been read: so far it answers. */
  observe(storeMs: number): void;
  /** True when it has answered without a gap for as long as somebody may be silent. */
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
      // A database that is as slow as this all the time is heard as well as it ever will be.
      return gapsInARow >= limits.detectorGapsMax;
    },
  };
}
