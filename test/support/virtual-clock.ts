import type { Clock } from "../../src/ports/clock.ts";

/** A clock that stands still until it is told to go on. */
export interface VirtualClock extends Clock {
  /** Goes on, waking who is due in order, and lets what they started run. */
  advance(ms: number): Promise<void>;
}

interface Sleeper {
  readonly dueMs: number;
  wake(): void;
}

/** Lets pending promises run, a bounded number of turns of the queue. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

export function createVirtualClock(): VirtualClock {
  let nowMs = 0;
  const sleepers = new Set<Sleeper>();
  return {
    monotonicMs: () => nowMs,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        const sleeper: Sleeper = {
          dueMs: nowMs + Math.max(0, ms),
          wake() {
            sleepers.delete(sleeper);
            signal?.removeEventListener("abort", sleeper.wake);
            resolve();
          },
        };
        if (signal?.aborted) return resolve();
        sleepers.add(sleeper);
        signal?.addEventListener("abort", sleeper.wake, { once: true });
      }),
    async advance(ms) {
      const endMs = nowMs + ms;
      await settle();
      for (;;) {
        const [next] = [...sleepers].toSorted((left, right) => left.dueMs - right.dueMs);
        if (!next || next.dueMs > endMs) break;
        nowMs = next.dueMs;
        next.wake();
        await settle();
      }
      nowMs = endMs;
    },
  };
}
