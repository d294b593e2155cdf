import { isAway } from "../../../errors.ts";
import { limits } from "../../../limits.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { Entry } from "../../journal/entry.ts";
import type { EngineStore } from "../../journal/store.ts";

interface HintedPorts {
  readonly store: Pick<EngineStore, "tails">;
  readonly clock: Clock;
  /** An actor could not be read, and is left alone. */
  onUnreadable(error: unknown): void;
}

interface Hinted {
  readonly actor: string;
  readonly sinceMs: number;
  /** The latest revision that a hint has named. */
  readonly revision: number;
}

/** Actors of which another process has appended an entry, and since when they wait. */
export class HintedActors {
  readonly #ports: HintedPorts;
  readonly #hinted = new Map<string, Hinted>();

  constructor(ports: HintedPorts) {
    this.#ports = ports;
  }

  get size(): number {
    return this.#hinted.size;
  }

  /** True where one has waited so long that the mark of its partition must not pass it. */
  get isOneLate(): boolean {
    const beforeMs = this.#ports.clock.monotonicMs() - limits.hintWaitMsMax;
    return [...this.#hinted.values()].some(({ sinceMs }) => sinceMs < beforeMs);
  }

  add(actor: string, revision: number): void {
    this.#keep({ actor, revision, sinceMs: this.#ports.clock.monotonicMs() });
  }

  #keep({ actor, sinceMs, revision }: Hinted): void {
    const known = this.#hinted.get(actor);
    this.#hinted.set(actor, {
      actor,
      sinceMs: Math.min(sinceMs, known?.sinceMs ?? sinceMs),
      revision: Math.max(revision, known?.revision ?? 0),
    });
  }

  /** The tails of the first of them, as many as a page holds. They stay hinted while the database is away. */
  async takeTails(): Promise<readonly Entry[]> {
    const some = [...this.#hinted.values()].slice(0, limits.hintedActorsAtOnce);
    if (some.length === 0) return [];
    // Before the read: a hint that comes meanwhile counts again.
    for (const { actor } of some) this.#hinted.delete(actor);
    return this.#tailsOf(some);
  }

  /** One that cannot be read hides no other. */
  async #tailsOneByOne(some: readonly Hinted[]): Promise<readonly Entry[]> {
    const tails: Entry[] = [];
    for (const [place, one] of some.entries()) {
      try {
        tails.push(...(await this.#tailsOf([one])));
      } catch (error) {
        for (const left of some.slice(place)) this.#keep(left);
        if (tails.length === 0) throw error;
        // The next read says that the database is away.
        break;
      }
    }
    return tails;
  }

  async #tailsOf(some: readonly Hinted[]): Promise<readonly Entry[]> {
    const actors = some.map(({ actor }) => actor);
    const known = new Map(some.map(({ actor, revision }) => [actor, revision]));
    try {
      const { tails, left } = await this.#ports.store.tails(actors, known);
      const isLeft = new Set(left);
      for (const one of some) if (isLeft.has(one.actor)) this.#keep(one);
      return tails;
    } catch (error) {
      if (!isAway(error) && actors.length > 1) return this.#tailsOneByOne(some);
      if (!isAway(error)) {
        this.#ports.onUnreadable(error);
        return [];
      }
      for (const one of some) this.#keep(one);
      throw error;
    }
  }
}
