import type { Clock } from "../ports/clock.ts";

/** The result of some work if it comes within a time, else null. The work goes on. */
export async function inTime<Result>(
  work: Promise<Result>,
  waitMs: number,
  clock: Pick<Clock, "sleep">,
): Promise<Result | null> {
  const isOver = new AbortController();
  const late = clock.sleep(waitMs, isOver.signal).then(() => null);
  try {
    return await Promise.race([work, late]);
  } finally {
    isOver.abort();
  }
}
