import type { ChartSpec, StepSpec } from "./chart-spec.ts";
import { compare, liveCourse, type Tally } from "./compare.ts";
import { RevivedSide } from "./revived-side.ts";

/**
 * Plays a script on live XState and on a system that is written down between any two events.
 * @throws Error with the step and the difference
 */
export async function compareRevived(
  chart: ChartSpec,
  script: readonly StepSpec[],
  tally: Tally,
): Promise<void> {
  const course = await liveCourse(chart, script);
  await compare(course, script, new RevivedSide(chart), tally);
}
