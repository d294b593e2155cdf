import { assert } from "../../errors.ts";
import { limits } from "../../limits.ts";
import type { Clock } from "../../ports/clock.ts";

/**
 * The database's clock without a round trip each time: it is read now and then, and this process's monotonic clock goes
 * on from there. A clock of this host that is an hour wrong changes nothing. It is never ahead of the database's clock,
 * so no deadline passes early: it is behind by at most the way of an answer.
 */
export interface DatabaseClock {
  /** A promise only where the clock has to be read first. */
  nowMs(): number | Promise<number>;
}

export function createDatabaseClock(
  store: { nowMs(): Promise<number> },
  clock: Clock,
): DatabaseClock {
  const { driftMax = 0 } = clock;
  let known: { readonly databaseMs: number; readonly atMs: number } | undefined;
  let reading: Promise<void> | undefined;

  /** This process's clock may be fast. */
  const estimateMs = ({ databaseMs, atMs }: NonNullable<typeof known>, nowMs: number) =>
    databaseMs + (nowMs - atMs) * (1 - driftMax);
  const read = async () => {
    const beforeMs = clock.monotonicMs();
    const readMs = await store.nowMs();
    const atMs = clock.monotonicMs();
    // The answer was right at some moment since `beforeMs`. A slow one says less than what was known before.
    const leastMs = known === undefined ? readMs : Math.max(readMs, estimateMs(known, atMs));
    known = { databaseMs: Math.min(leastMs, readMs + atMs - beforeMs), atMs };
  };
  const begin = () => {
    reading ??= read().finally(() => {
      reading = undefined;
    });
    return reading;
  };
  const nowMs = () => {
    assert(known, "the database's clock was read");
    return Math.floor(estimateMs(known, clock.monotonicMs()));
  };
  return {
    nowMs() {
      if (known === undefined) return begin().then(nowMs);
      const isOld = clock.monotonicMs() - known.atMs > limits.databaseClockReadEveryMs;
      // An old answer is good enough while the next one is on its way, and while the database is away.
      if (isOld) begin().catch(() => {});
      return nowMs();
    },
  };
}
