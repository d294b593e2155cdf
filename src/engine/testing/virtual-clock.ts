import type { Clock } from "../../ports/clock.ts";

/** A clock that stands still until its owner lets time pass. Every wait of an engine on it ends in a fixed order. */
export interface VirtualClock extends Clock {
  /** Milliseconds since the clock was made. */
  nowMs(): number;
  /** Goes to a later moment at once, and ends the waits that are over by then, the earliest first. */
  jumpTo(ms: number): void;
  /** Ends the waits that are over now. False where there was none. */
  wakeDue(): boolean;
  /** Ends every wait early, without time. Whoever waits for a moment has to look at the clock again. */
  wakeAll(): void;
}

interface Sleeper {
  readonly dueMs: number;
  readonly wake: () => void;
}

/** Makes a virtual clock. */
export function createVirtualClock(): VirtualClock {
  let nowMs = 0;
  const sleepers = new Set<Sleeper>();
  const wake = (isOver: (sleeper: Sleeper) => boolean): boolean => {
    const over = [...sleepers].filter(isOver).toSorted((one, other) => one.dueMs - other.dueMs);
    for (const sleeper of over) sleeper.wake();
    return over.length > 0;
  };
  const wakeDue = () => wake(({ dueMs }) => dueMs <= nowMs);
  return {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) return resolve();
        const end = () => {
          sleepers.delete(sleeper);
          signal?.removeEventListener("abort", end);
          resolve();
        };
        const sleeper: Sleeper = { dueMs: nowMs + Math.max(0, ms), wake: end };
        sleepers.add(sleeper);
        signal?.addEventListener("abort", end, { once: true });
      }),
    jumpTo(ms) {
      nowMs = Math.max(nowMs, ms);
      wakeDue();
    },
    wakeDue,
    wakeAll: () => void wake(() => true),
  };
}
