import { isAway } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { soon } from "../../ports/soon.ts";
import type { Entry } from "../journal/entry.ts";
import type { EngineStore } from "../journal/store.ts";

type Store = Pick<EngineStore, "tail" | "tails">;

interface Waiting {
  /** A revision that the actor has reached, if one is known. */
  readonly known: number | undefined;
  readonly resolve: (tail: Entry | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/** The latest of the revisions that are known. */
function knownOf(group: ReadonlyMap<string, readonly Waiting[]>): ReadonlyMap<string, number> {
  const latest = new Map<string, number>();
  for (const [actor, waiting] of group) {
    for (const { known } of waiting) {
      if (known !== undefined) latest.set(actor, Math.max(known, latest.get(actor) ?? 0));
    }
  }
  return latest;
}

/**
 * Reads the latest entries of actors: those that are asked for while earlier reads are on their way share the next one.
 * Thousands of actors that need their entries at once must not keep the lease of their worker waiting for a connection.
 */
export class TailReader {
  readonly #store: Store;
  readonly #waiting = new Map<string, Waiting[]>();
  #running = 0;

  constructor(store: Store) {
    this.#store = store;
  }

  /**
   * The latest entry of an actor, or undefined where there is no such actor.
   * @param known a revision that the actor has reached
   */
  read(actor: string, known?: number): Promise<Entry | undefined> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.size === 0) soon(() => this.#flush());
      const same = this.#waiting.get(actor) ?? [];
      same.push({ known, resolve, reject });
      this.#waiting.set(actor, same);
    });
  }

  #flush(): void {
    while (this.#waiting.size > 0 && this.#running < limits.tailReadsAtOnce) {
      const group = [...this.#waiting].slice(0, limits.engineTailsOnce);
      for (const [actor] of group) this.#waiting.delete(actor);
      this.#running += 1;
      void this.#readGroup(new Map(group)).finally(() => {
        this.#running -= 1;
        this.#flush();
      });
    }
  }

  async #readGroup(group: ReadonlyMap<string, readonly Waiting[]>): Promise<void> {
    const actors = [...group.keys()];
    const [only] = actors;
    if (actors.length === 1 && only !== undefined) return this.#readOne(only, group);
    try {
      const { tails, left } = await this.#store.tails(actors, knownOf(group));
      const found = new Map(tails.map((tail) => [tail.actor, tail]));
      const isLeft = new Set(left);
      for (const [actor, waiting] of group) {
        // A page had no room for it.
        if (isLeft.has(actor))
          this.#waiting.set(actor, [...waiting, ...(this.#waiting.get(actor) ?? [])]);
        else if (found.has(actor)) for (const { resolve } of waiting) resolve(found.get(actor));
        // Only the read of one actor is sure that there is none.
        else await this.#readOne(actor, group);
      }
    } catch (error) {
      if (isAway(error)) for (const { reject } of [...group.values()].flat()) reject(error);
      // One that cannot be read hides no other.
      else for (const actor of actors) await this.#readOne(actor, group);
    }
  }

  async #readOne(actor: string, group: ReadonlyMap<string, readonly Waiting[]>): Promise<void> {
    const waiting = group.get(actor) ?? [];
    try {
      const tail = await this.#store.tail(actor);
      for (const { resolve } of waiting) resolve(tail);
    } catch (error) {
      for (const { reject } of waiting) reject(error);
    }
  }
}
