import { messageOf } from "../../../src/errors.ts";
import type { ChartSpec, StepSpec } from "./chart-spec.ts";
import { LiveSide } from "./live-side.ts";
import { differenceOfSeen, type Seen } from "./seen.ts";

/** Counts of a comparison: they show that it has not compared only what is empty. */
export interface Tally {
  runs: number;
  steps: number;
  ends: number;
  rejected: number;
  refused: number;
  orphans: number;
}

export function newTally(): Tally {
  return { runs: 0, steps: 0, ends: 0, rejected: 0, refused: 0, orphans: 0 };
}

/** A generated chart that is not run by XState alone. */
export interface Side {
  start(): void | Promise<void>;
  play(step: StepSpec): void | Promise<void>;
  see(): Seen | Promise<Seen>;
  /** Whether a caller's event was rejected: live XState ends there. */
  readonly isRejected: boolean;
  /** Why the latest event was rejected, or why the actor has failed. */
  readonly reason: string | undefined;
}

/** One moment of live XState: after the start, or after a step. */
interface Moment {
  readonly seen: Seen;
  /** See `LiveSide.hasOrphans`. */
  readonly hasOrphans: boolean;
}

/** A script on live XState, from the start on. */
export type LiveCourse = readonly Moment[];

/** Plays a script on live XState. See `LiveSide` for `isPrompt`. */
export async function liveCourse(
  chart: ChartSpec,
  script: readonly StepSpec[],
  isPrompt = false,
): Promise<LiveCourse> {
  const live = new LiveSide(chart, isPrompt);
  try {
    const course: Moment[] = [];
    for (const step of [undefined, ...script]) {
      await (step === undefined ? live.start() : live.play(step));
      course.push({ seen: live.see(), hasOrphans: live.hasOrphans });
    }
    return course;
  } finally {
    live.stop();
  }
}

/** The engine refuses by design what XState leaves running where no other process finds it. */
function isTakenId(reason: string | undefined, tally: Tally): boolean {
  const isRefused = reason?.includes("expected one child of this id") === true;
  if (isRefused) tally.refused += 1;
  return isRefused;
}

/** True where both start, so that they can be compared. */
async function bothStart(side: Side, live: Seen, tally: Tally): Promise<boolean> {
  try {
    await side.start();
    return true;
  } catch (error) {
    const { status, error: why } = live.root;
    if (isTakenId(messageOf(error), tally) || status === "error") return false;
    throw new Error(`start: live ${status} ${why}, durable throws ${error}`);
  }
}

/**
 * Compares another side with live XState, step by step.
 * @param isCrashed see `differenceOfSeen`
 * @throws Error with the step and the difference
 */
export async function compare(
  course: LiveCourse,
  script: readonly StepSpec[],
  side: Side,
  tally: Tally,
  isCrashed = false,
): Promise<void> {
  tally.runs += 1;
  for (const [index, { seen: live, hasOrphans }] of course.entries()) {
    const step = script[index - 1];
    if (step) await side.play(step);
    else if (!(await bothStart(side, live, tally))) return;
    tally.steps += 1;
    if (isTakenId(side.reason, tally)) return;
    if (hasOrphans) {
      tally.orphans += 1;
      return;
    }
    const seen = await side.see();
    if (live.root.status === "error" && (side.isRejected || seen.root.status === "error")) {
      tally.rejected += 1;
      return;
    }
    if (side.isRejected) throw new Error(`step ${index}: rejected: ${side.reason}`);
    const difference = differenceOfSeen(live, seen, isCrashed);
    if (difference) throw new Error(`step ${index}: ${difference}`);
    if (live.root.status !== "active") tally.ends += 1;
  }
}
