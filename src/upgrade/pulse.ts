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
      if (!hinted && !signal.aborted) {
        waker = new AbortController();
        const wake = () => waker?.abort("stopped");
        signal.addEventListener("abort", wake, { once: true });
        await clock.sleep(pollMs, waker.signal);
        signal.removeEventListener("abort", wake);
        waker = undefined;
      }
      hinted = false;
    },
  };
}
