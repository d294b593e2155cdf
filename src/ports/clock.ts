import { limits } from "../limits.ts";

/** The clock by which an agent waits. A decision by time uses the store's clock, never this one. */
export interface Clock {
  /** Milliseconds that only grow. Their origin means nothing. */
  monotonicMs(): number;
  /** The part by which it may run fast. Default: none. */
  readonly driftMax?: number;
  /** Resolves after `ms`, or at once when the signal aborts. It never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

const timerMsMax = 2 ** 31 - 1;

/** The real clock. */
export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  driftMax: limits.clockDriftMax,
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
