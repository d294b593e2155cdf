import { messageOf } from "../../../errors.ts";
import { limits } from "../../../limits.ts";
import type { Clock } from "../../../ports/clock.ts";

/** Keeps a gate shut although the versions agree: in safe mode, and in the pause after an opening that has failed. */
export class OpeningHold {
  readonly #clock: Clock;
  #safeMode: string | null;
  #failures = 0;
  #failure: string | null = null;
  #untilMs = 0;

  /** @param safeMode why the application must not begin by itself, or null */
  constructor(clock: Clock, safeMode: string | null) {
    this.#clock = clock;
    this.#safeMode = safeMode;
  }

  get isHeld(): boolean {
    return this.#safeMode !== null || this.#clock.monotonicMs() < this.#untilMs;
  }

  /** Why the gate is shut, or null. */
  get why(): string | null {
    if (this.#safeMode !== null) {
      return `safe mode: ${this.#safeMode}: it opens after \`lockstep retry\`, a restart of its launcher, or an upgrade to another version`;
    }
    if (this.#failure === null) return null;
    return `its application cannot begin: ${this.#failure}: it tries again with growing pauses, and at once after \`lockstep retry\``;
  }

  /** Does a part of an opening. After a failure the gate stays shut for a while. */
  async attempt(act: () => Promise<void> | void): Promise<void> {
    try {
      await act();
    } catch (error) {
      this.failed(error);
      throw error;
    }
  }

  failed(error: unknown): void {
    const pauseMs = limits.openRetryDelayMs * 2 ** this.#failures;
    this.#failures += 1;
    this.#failure = messageOf(error);
    this.#untilMs = this.#clock.monotonicMs() + Math.min(pauseMs, limits.openRetryDelayMsMax);
  }

  /** Forgets failures: the application has begun, or its gate is to be shut. */
  reset(): void {
    [this.#failures, this.#failure, this.#untilMs] = [0, null, 0];
  }

  /** A person says that it may begin. */
  lift(): void {
    this.#safeMode = null;
    this.#untilMs = 0;
  }
}
