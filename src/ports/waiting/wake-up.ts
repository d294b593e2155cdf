import type { Clock } from "../clock.ts";

/** Wakes a loop by a hint, or by a slow poll when no hint comes. */
export interface WakeUp {
  hint(): void;
  /** Waits for a hint since the last wait, for the time, or until aborted. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
}

export function createWakeUp(clock: Clock): WakeUp {
  let hinted = false;
  let waker: AbortController | undefined;
  return {
    hint() {
      hinted = true;
      waker?.abort("hinted");
    },
    async wait(ms, signal) {
      if (!hinted && !signal.aborted) {
        waker = new AbortController();
        const wake = () => waker?.abort("stopped");
        signal.addEventListener("abort", wake, { once: true });
        await clock.sleep(ms, waker.signal);
        signal.removeEventListener("abort", wake);
        waker = undefined;
      }
      hinted = false;
    },
  };
}
