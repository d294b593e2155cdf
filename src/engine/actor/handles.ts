import { limits } from "../../limits.ts";
import { type Clock, elapsedMs, type Moment, momentOf } from "../../ports/clock.ts";
import type { Entry, Place } from "../journal/entry.ts";
import { textsOf } from "../journal/page.ts";
import type { LiveSystem } from "../system/live-system.ts";

/** One actor in this process. */
export interface Handle {
  /** The end of its last use. Its uses follow each other. */
  last?: Promise<void>;
  users: number;
  tail?: Entry;
  live?: LiveSystem;
  /** The latest entry of which this process has heard, from others or by its own appends. */
  heard?: Place;
}

interface Idle {
  readonly handle: Handle;
  readonly since: Moment;
  readonly bytes: number;
}

/**
 * The actors that one process knows. Those that nobody uses are forgotten with their age, and those that were not used for
 * longest where they are too many or too large. An old entry must not be taken for the latest: the entries that follow it
 * may be deleted already, and would be appended again.
 */
export class Handles {
  readonly #clock: Clock;
  readonly #used = new Map<string, Handle>();
  /** In the order in which their last use has ended. */
  readonly #idle = new Map<string, Idle>();
  #idleBytes = 0;
  /** The ends of uses since the last look for old ones. */
  #givenCount = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The number of actors that are known. */
  get size(): number {
    return this.#used.size + this.#idle.size;
  }

  find(actor: string): Handle | undefined {
    const used = this.#used.get(actor);
    if (used) return used;
    const idle = this.#idle.get(actor);
    if (idle === undefined || !this.#isOld(idle)) return idle?.handle;
    this.#forget(actor, idle);
    return undefined;
  }

  /** The handle of an actor for a use. `give` ends the use. */
  take(actor: string): Handle {
    const handle = this.find(actor) ?? { users: 0 };
    const idle = this.#idle.get(actor);
    if (idle) this.#forget(actor, idle);
    this.#used.set(actor, handle);
    handle.users += 1;
    return handle;
  }

  give(actor: string, handle: Handle): void {
    handle.users -= 1;
    if (handle.users > 0) return;
    this.#used.delete(actor);
    const { tail } = handle;
    // A measure of the memory that it takes.
    const bytes = tail === undefined ? 0 : textsOf(tail, (text) => text.length);
    this.#idle.set(actor, { handle, bytes, since: momentOf(this.#clock) });
    this.#idleBytes += bytes;
    this.#givenCount += 1;
    // An old one is never found, so that its memory may wait for a while.
    if (!this.#isRoom || this.#givenCount % limits.cachedLookEvery === 0) this.#trim();
  }

  get #isRoom(): boolean {
    return (
      this.#idle.size <= limits.cachedActorsMax && this.#idleBytes <= limits.cachedActorsBytesMax
    );
  }

  #trim(): void {
    for (const [actor, idle] of this.#idle) {
      if (this.#isRoom && !this.#isOld(idle)) return;
      this.#forget(actor, idle);
    }
  }

  #forget(actor: string, { bytes }: Idle): void {
    this.#idle.delete(actor);
    this.#idleBytes -= bytes;
  }

  #isOld({ since }: Idle): boolean {
    return elapsedMs(this.#clock, since) > limits.cachedTailMsMax;
  }
}
