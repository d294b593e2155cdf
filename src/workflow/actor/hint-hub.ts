import type { WorkflowStore } from "../journal/store.ts";

/** The place of an entry that was appended, or null where entries may have been missed. */
export type Hint = Parameters<Parameters<WorkflowStore["watch"]>[0]>[0];

/** One watch of the store for all listeners in this process, while there are any. It leaves out what the process itself appends. */
export class HintHub {
  readonly #store: Pick<WorkflowStore, "watch">;
  readonly #listeners = new Set<(hint: Hint) => void>();
  #stop: (() => void) | undefined;

  readonly #ownNonces: string;

  constructor(store: Pick<WorkflowStore, "watch">, ownNonces: string) {
    this.#store = store;
    this.#ownNonces = ownNonces;
  }

  listen(onHint: (hint: Hint) => void): () => void {
    this.#listeners.add(onHint);
    this.#stop ??= this.#store.watch((hint) => {
      for (const listener of this.#listeners) listener(hint);
    }, this.#ownNonces);
    return () => {
      this.#listeners.delete(onHint);
      if (this.#listeners.size > 0) return;
      this.#stop?.();
      this.#stop = undefined;
    };
  }
}
