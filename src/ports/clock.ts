/** Time that an agent may wait by. What is *decided* by time uses the store's clock, never this one. */
export interface Clock {
  /** Milliseconds that only grow; their origin means nothing. */
  monotonicMs(): number;
  /** Resolves after `ms`; at once when the signal aborts (it never rejects). */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

const timerMsMax = 2 ** 31 - 1;

/** The real clock. */
export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const finish = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", finish);
        resolve();
      };
      // A timer of more than 24 days fires at once: it is set again and again.
      const wait = (leftMs: number): void => {
        const nextMs = Math.min(leftMs, timerMsMax);
        timer = setTimeout(() => (leftMs > nextMs ? wait(leftMs - nextMs) : finish()), nextMs);
      };
      let timer: NodeJS.Timeout | undefined;
      wait(ms);
      signal?.addEventListener("abort", finish, { once: true });
    }),
};
