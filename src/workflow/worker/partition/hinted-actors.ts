import { isAway } from "../../../errors.ts";
import { limits } from "../../../limits.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { Entry } from "../../journal/entry.ts";
import type { WorkflowStore } from "../../journal/store.ts";

interface HintedPorts {
  readonly store: Pick<WorkflowStore, "tails">;
  readonly clock: Clock;
  /** An actor could not be read, and is left alone. */
  onUnreadable(error: unknown): void;
}

/** Actors of which another process has appended an entry, and since when they wait. */
export class HintedActors {
  readonly #ports: HintedPorts;
  readonly #sinceMs = new Map<string, number>();

  constructor(ports: HintedPorts) {
    this.#ports = ports;
  }

  get size(): number {
    return this.#sinceMs.size;
  }

  /** True where one has waited so long that the mark of its partition must not pass it. */
  get isOneLate(): boolean {
    const beforeMs = this.#ports.clock.monotonicMs() - limits.hintWaitMsMax;
    return [...this.#sinceMs.values()].some((sinceMs) => sinceMs < beforeMs);
  }

  add(actor: string): void {
    if (!this.#sinceMs.has(actor)) this.#sinceMs.set(actor, this.#ports.clock.monotonicMs());
  }

  /** The tails of the first of them, as many as a page holds. They stay hinted while the database is away. */
  async takeTails(): Promise<readonly Entry[]> {
    const some = [...this.#sinceMs].slice(0, limits.dueActorsAtOnce);
    if (some.length === 0) return [];
    // Before the read: a hint that comes meanwhile counts again.
    for (const [actor] of some) this.#sinceMs.delete(actor);
    return this.#tailsOf(some);
  }

  /** One that cannot be read hides no other. */
  async #tailsOneByOne(some: readonly (readonly [string, number])[]): Promise<readonly Entry[]> {
    const tails: Entry[] = [];
    for (const [place, one] of some.entries()) {
      try {
        tails.push(...(await this.#tailsOf([one])));
      } catch (error) {
        for (const [actor, sinceMs] of some.slice(place)) this.#sinceMs.set(actor, sinceMs);
        if (tails.length === 0) throw error;
        // The next read says that the database is away.
        break;
      }
    }
    return tails;
  }

  async #tailsOf(some: readonly (readonly [string, number])[]): Promise<readonly Entry[]> {
    const actors = some.map(([actor]) => actor);
    try {
      const { tails, left } = await this.#ports.store.tails(actors);
      const isLeft = new Set(left);
      for (const [actor, sinceMs] of some) if (isLeft.has(actor)) this.#sinceMs.set(actor, sinceMs);
      return tails;
    } catch (error) {
      if (!isAway(error) && actors.length > 1) return this.#tailsOneByOne(some);
      if (!isAway(error)) {
        this.#ports.onUnreadable(error);
        return [];
      }
      for (const [actor, sinceMs] of some) this.#sinceMs.set(actor, sinceMs);
      throw error;
    }
  }
}
