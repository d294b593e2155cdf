import { messageOf } from "../../../src/errors.ts";
import type { ChartSpec, StepSpec } from "./chart-spec.ts";
import { LiveSide } from "./live-side.ts";
import { type Life, RevivedSide } from "./revived-side.ts";
import { differenceOfSeen } from "./seen.ts";

/** What a comparison has met, so that nobody compares only what is empty. */
export interface Tally {
  steps: number;
  ends: number;
  rejected: number;
  refused: number;
  orphans: number;
}

/** The engine refuses by design what XState leaves running where no other process finds it. */
function isTakenId(reason: string | undefined, tally: Tally | undefined): boolean {
  const isRefused = reason?.includes("expected one child of this id") === true;
  if (isRefused && tally) tally.refused += 1;
  return isRefused;
}

/**
 * Plays a script on live XState and on a system that is written down between any two events.
 * @throws Error with the step and the difference
 */
export async function compareRevived(
  chart: ChartSpec,
  script: readonly StepSpec[],
  life: Life,
  tally?: Tally,
): Promise<void> {
  const live = new LiveSide(chart);
  try {
    const durable = new RevivedSide(chart, life);
    await live.start();
    try {
      durable.start();
    } catch (error) {
      if (isTakenId(messageOf(error), tally)) return;
      const { status, error: why } = live.see().root;
      if (status === "error") return;
      throw new Error(`start: live ${status} ${why}, durable throws ${error}`);
    }
    for (const [index, step] of [undefined, ...script].entries()) {
      if (step) {
        await live.play(step);
        durable.play(step);
      }
      if (tally) tally.steps += 1;
      if (isTakenId(durable.tail.reason?.message, tally)) return;
      if (live.hasOrphans) {
        if (tally) tally.orphans += 1;
        return;
      }
      const [one, other] = [live.see(), durable.see()];
      if (one.root.status === "error" && (durable.isRejected || other.root.status === "error")) {
        if (tally) tally.rejected += 1;
        return;
      }
      if (durable.isRejected)
        throw new Error(`step ${index}: rejected: ${durable.tail.reason?.message}`);
      const difference = differenceOfSeen(one, other);
      if (difference) throw new Error(`step ${index}: ${difference}`);
      if (one.root.status !== "active" && tally) tally.ends += 1;
    }
  } finally {
    live.stop();
  }
}
