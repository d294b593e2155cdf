import type { Engine } from "../../../src/engine/engine-api.ts";
import type { Clock } from "../../../src/ports/clock.ts";
import type { Random } from "../../../src/ports/random.ts";
import type { Draw } from "../../simulation/draw.ts";
import type { Scheduler } from "../../simulation/scheduler.ts";

/** A dead process gets no answer. */
const never = () => new Promise<never>(() => {});

/** One process with an engine: it can be killed, paused, and cut off from the database. */
export class SimulatedProcess {
  readonly number: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly #scheduler: Scheduler;
  #paused: { readonly over: Promise<void>; readonly end: () => void } | undefined;
  isDead = false;
  /** True from the moment at which it is told to close. */
  isLeaving = false;
  isCut = false;
  /** Its change stream is open. */
  isWatching = true;
  /** When it went on after a pause. */
  resumedAtMs = Number.NEGATIVE_INFINITY;
  engine: Engine | undefined;
  #onGap = () => {};

  constructor(number: number, scheduler: Scheduler, draw: Draw) {
    this.number = number;
    this.#scheduler = scheduler;
    // Its clock runs a little fast or slow, and shows any other time.
    const rate = 1 + (draw.part() - 0.5) / 1_000;
    const offsetMs = draw.part() * 7_200_000;
    this.random = { hex: (bytes) => draw.hex(bytes) };
    this.clock = {
      driftMax: 0.000_5,
      monotonicMs: () => offsetMs + scheduler.nowMs() * rate,
      sleep: async (ms, signal) => {
        await scheduler.sleep(ms / rate, signal);
        await this.goesOn();
      },
    };
  }

  get isPaused(): boolean {
    return this.#paused !== undefined;
  }

  /** True while it can answer. */
  get isUp(): boolean {
    return !this.isDead && !this.isLeaving && this.engine !== undefined && !this.isPaused;
  }

  /** Resolves while the process lives and is not paused. */
  async goesOn(): Promise<void> {
    while (this.#paused && !this.isDead) await this.#paused.over;
    if (this.isDead) await never();
  }

  pause(): void {
    if (this.#paused) return;
    let end = () => {};
    const over = new Promise<void>((resolve) => {
      end = resolve;
    });
    this.#paused = { over, end };
  }

  resume(): void {
    this.resumedAtMs = this.#scheduler.nowMs();
    this.#paused?.end();
    this.#paused = undefined;
  }

  kill(): void {
    this.isDead = true;
    this.resume();
  }

  /** Its change stream ends. It is opened anew when the database can be reached again. */
  cut(): void {
    this.isCut = true;
    this.isWatching = false;
  }

  async mend(afterMs: number): Promise<void> {
    this.isCut = false;
    await this.#scheduler.sleep(afterMs);
    await this.goesOn();
    if (this.isCut) return;
    this.isWatching = true;
    this.#onGap();
  }

  onGap(listener: () => void): void {
    this.#onGap = listener;
  }
}
