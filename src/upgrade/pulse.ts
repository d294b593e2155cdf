import type { Clock } from "../ports/clock.ts";

/** Wakes a loop by a hint, or by a slow poll when no hint comes. */
export interface Pulse {
  hint(): void;
  wait(signal: AbortSignal): Promise<void>;
}

export function createPulse(clock: Clock, pollMs: number): Pulse {
  let hinted = false;
  let waker: AbortController | undefined;
  return {
    hint() {
      hinted = true;
      waker?.abort("hinted");
    },
    async wait(signal) {
      if (!hinted) {
        waker = new AbortController();
        await clock.sleep(pollMs, AbortSignal.any([signal, waker.signal]));
        waker = undefined;
      }
      hinted = false;
    },
  };
}
