import type { Actors } from "../actors.ts";
import type { HintHub } from "./hint-hub.ts";

/** Wakes readers of single actors. They share one listener, so that an append costs nothing for those of other actors. */
export class News {
  readonly #actors: Pick<Actors, "onAppended">;
  readonly #hints: Pick<HintHub, "listen">;
  readonly #readers = new Map<string, Set<() => void>>();
  #stop: (() => void) | undefined;

  constructor(actors: Pick<Actors, "onAppended">, hints: Pick<HintHub, "listen">) {
    this.#actors = actors;
    this.#hints = hints;
  }

  /** Calls back after each entry of an actor, and where some may have been missed. */
  listen(actor: string, onNews: () => void): () => void {
    const readers = this.#readers.get(actor) ?? new Set();
    readers.add(onNews);
    this.#readers.set(actor, readers);
    this.#stop ??= this.#begin();
    return () => {
      readers.delete(onNews);
      if (readers.size === 0 && this.#readers.get(actor) === readers) this.#readers.delete(actor);
      if (this.#readers.size > 0) return;
      this.#stop?.();
      this.#stop = undefined;
    };
  }

  #begin(): () => void {
    const wake = (readers: ReadonlySet<() => void> = new Set()) => {
      for (const onNews of readers) onNews();
    };
    const stopEntries = this.#actors.onAppended(({ actor }) => wake(this.#readers.get(actor)));
    const stopHints = this.#hints.listen((hint) => {
      if (hint !== null) wake(this.#readers.get(hint.actor));
      else for (const readers of this.#readers.values()) wake(readers);
    });
    return () => {
      stopEntries();
      stopHints();
    };
  }
}
