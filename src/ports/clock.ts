import { limits } from "../limits.ts";

/** The clock by which an agent waits. A decision by time uses the store's clock, never this one. */
export interface Clock {
  /** Milliseconds that only grow. Their origin means nothing. */
  monotonicMs(): number;
  /** The part by which it may run fast. Default: none. */
  readonly driftMax?: number;
  /** Milliseconds by the host's clock, which anybody may set. Default: none. */
  wallMs?(): number;
  /** Resolves after `ms`, or at once when the signal aborts. It never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** A moment of this process. */
export interface Moment {
  readonly monotonicMs: number;
  readonly wallMs: number | undefined;
}

export function momentOf(clock: Clock): Moment {
  return { monotonicMs: clock.monotonicMs(), wallMs: clock.wallMs?.() };
}

/**
 * The time that has passed since a moment, by the clock that says more: the monotonic one may stand still while a host is
 * suspended, and the other one may be set back.
 */
export function elapsedMs(clock: Clock, since: Moment): number {
  const { monotonicMs, wallMs } = momentOf(clock);
  const byWallMs = (wallMs ?? 0) - (since.wallMs ?? wallMs ?? 0);
  return Math.max(monotonicMs - since.monotonicMs, byWallMs);
}

const timerMsMax = 2 ** 31 - 1;

/** The real clock. */
export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  driftMax: limits.clockDriftMax,
  wallMs: () => Date.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const finish = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", finish);
        resolve();
      };
      // A timer of more than 24 days would fire at once, so long waits use several.
      const wait = (leftMs: number): void => {
        const nextMs = Math.min(leftMs, timerMsMax);
        timer = setTimeout(() => (leftMs > nextMs ? wait(leftMs - nextMs) : finish()), nextMs);
      };
      let timer: NodeJS.Timeout | undefined;
      wait(ms);
      signal?.addEventListener("abort", finish, { once: true });
    }),
};

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
