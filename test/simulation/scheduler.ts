/** Virtual time: nothing passes but what somebody sleeps for. */
export interface Scheduler {
  nowMs(): number;
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /**
   * Goes on until the time, or until somebody says stop; false when the time was over first.
   * @throws Error when nobody lets the time pass
   */
  run(untilMs: number, stop?: () => boolean): Promise<boolean>;
}

interface Sleeper {
  readonly dueMs: number;
  readonly order: number;
  cancelled: boolean;
  wake(): void;
}

const isBefore = (left: Sleeper, right: Sleeper) =>
  left.dueMs < right.dueMs || (left.dueMs === right.dueMs && left.order < right.order);

/** A binary heap of sleepers, the next one first. */
function createHeap() {
  const heap: Sleeper[] = [];
  const at = (index: number) => heap[index] as Sleeper;
  const swap = (left: number, right: number) => {
    [heap[left], heap[right]] = [at(right), at(left)];
  };
  return {
    push(sleeper: Sleeper) {
      let index = heap.push(sleeper) - 1;
      for (let parent = (index - 1) >> 1; index > 0; parent = (index - 1) >> 1) {
        if (!isBefore(at(index), at(parent))) return;
        swap(index, parent);
        index = parent;
      }
    },
    peek: () => heap[0],
    pop() {
      const last = heap.pop();
      if (last === undefined || heap.length === 0) return;
      heap[0] = last;
      for (let index = 0; ; ) {
        let least = index;
        for (const child of [2 * index + 1, 2 * index + 2]) {
          if (child < heap.length && isBefore(at(child), at(least))) least = child;
        }
        if (least === index) return;
        swap(index, least);
        index = least;
      }
    },
  };
}

/**
 * All promises that can go on have gone on: there is no real input or output in a simulation, and a tick
 * asked for among promises comes when none of them is left. Now and then the process itself has a turn.
 */
const settled = (wakes: number) =>
  new Promise<void>((resolve) => {
    if (wakes % 5_000 === 0) setImmediate(resolve);
    else process.nextTick(resolve);
  });

/** So many are never woken in one moment, but by a loop that does not sleep. */
const wakesAtOnceMax = 100_000;

export function createScheduler(): Scheduler {
  let now = 0;
  let order = 0;
  let wakes = 0;
  const heap = createHeap();
  return {
    nowMs: () => now,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) return resolve();
        order += 1;
        const finish = () => {
          sleeper.cancelled = true;
          signal?.removeEventListener("abort", finish);
          resolve();
        };
        const sleeper: Sleeper = {
          dueMs: now + Math.max(0, ms),
          order,
          cancelled: false,
          wake: finish,
        };
        signal?.addEventListener("abort", finish, { once: true });
        heap.push(sleeper);
      }),
    async run(untilMs, stop = () => false) {
      for (let wakesNow = 0; ; wakesNow += 1) {
        await settled(wakes);
        if (stop()) return true;
        if (wakesNow > wakesAtOnceMax) throw new Error(`the time stands still at ${now} ms`);
        while (heap.peek()?.cancelled) heap.pop();
        const next = heap.peek();
        if (next === undefined || next.dueMs > untilMs) {
          now = Math.max(now, untilMs);
          return false;
        }
        heap.pop();
        if (next.dueMs > now) wakesNow = 0;
        now = next.dueMs;
        wakes += 1;
        next.wake();
      }
    },
  };
}
