import { assert } from "../../errors.ts";
import type { StoredActor } from "./tree.ts";
import type { LiveActor } from "./xstate/xstate-internals.ts";

/** The numbers of the actors of one system. An actor gets its number at its birth, and keeps it in each process. */
export class Births {
  readonly #births = new WeakMap<LiveActor, number>();
  readonly #actors = new Map<number, LiveActor>();
  /** The births of stored actors, by their parent's birth and their id. */
  readonly #stored = new Map<string, number>();
  /** The root is 0. */
  #next = 1;

  /** The number of the next actor. */
  get next(): number {
    return this.#next;
  }

  /** The actors that are known, by their births. */
  get actors(): ReadonlyMap<number, LiveActor> {
    return this.#actors;
  }

  /** The actors of a stored tree get the numbers that they had. */
  expect(root: StoredActor, next: number): void {
    this.#next = next;
    this.#note(root);
  }

  /** Numbers an actor at its creation. */
  add(actor: LiveActor): void {
    const birth = this.#numberOf(actor);
    this.#births.set(actor, birth);
    this.#actors.set(birth, actor);
  }

  /** Forgets an actor that has ended. */
  delete(birth: number): void {
    this.#actors.delete(birth);
  }

  of(actor: LiveActor): number {
    const birth = this.#births.get(actor);
    assert(birth !== undefined, "every actor of a system has a birth", { id: actor.id });
    return birth;
  }

  /** The birth of an actor that may belong to another system. */
  find(actor: LiveActor): number | undefined {
    return this.#births.get(actor);
  }

  #note({ birth, children = {} }: StoredActor): void {
    for (const [id, child] of Object.entries(children)) {
      this.#stored.set(`${birth}/${id}`, child.birth);
      this.#note(child);
    }
  }

  #numberOf(actor: LiveActor): number {
    if (actor._parent === undefined) return 0;
    const key = `${this.of(actor._parent)}/${actor.id}`;
    const stored = this.#stored.get(key);
    if (stored !== undefined) {
      this.#stored.delete(key);
      return stored;
    }
    this.#next += 1;
    return this.#next - 1;
  }
}
