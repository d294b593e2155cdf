import type { TimerRecord } from "../journal/entry.ts";

/** An armed timer before it is written down. */
export interface ArmedTimer extends Omit<TimerRecord, "event"> {
  readonly event: unknown;
}

/**
 * The delayed events of one system, in the order in which they were armed.
 * It keeps a quirk of XState 5: two delayed events with one id both fire, and `cancel` finds only the latest, or none
 * once either has fired.
 */
export class TimerTable {
  #timers: ArmedTimer[];

  constructor(timers: readonly ArmedTimer[]) {
    this.#timers = [...timers];
  }

  get all(): readonly ArmedTimer[] {
    return this.#timers;
  }

  arm(timer: Omit<ArmedTimer, "cancellable">): void {
    this.#release(timer.source, timer.sendId);
    this.#timers.push({ ...timer, cancellable: true });
  }

  cancel(source: number, sendId: string): void {
    this.#timers = this.#timers.filter(
      (timer) => !(timer.cancellable && timer.source === source && timer.sendId === sendId),
    );
  }

  cancelAll(source: number): void {
    this.#timers = this.#timers.filter((timer) => !(timer.cancellable && timer.source === source));
  }

  /** Takes a timer out since it fires now. */
  fire(id: string): ArmedTimer | undefined {
    const timer = this.#timers.find((armed) => armed.id === id);
    if (timer === undefined) return undefined;
    this.#timers = this.#timers.filter((armed) => armed !== timer);
    this.#release(timer.source, timer.sendId);
    return timer;
  }

  #release(source: number, sendId: string): void {
    this.#timers = this.#timers.map((timer) =>
      timer.cancellable && timer.source === source && timer.sendId === sendId
        ? { ...timer, cancellable: false }
        : timer,
    );
  }
}

/** The timers in the order in which live XState fires them: by deadline, then as they were armed. */
export function inFiringOrder<Timer extends { readonly dueAtMs: number }>(
  timers: readonly Timer[],
): readonly Timer[] {
  return timers.toSorted((one, other) => one.dueAtMs - other.dueAtMs);
}
