/** An actor that needs a worker at a time. */
export interface Due {
  readonly actor: string;
  readonly dueAtMs: number;
  readonly revision: number;
}

const isSame = (known: Due, dueAtMs: number, revision: number) =>
  known.dueAtMs === dueAtMs && known.revision === revision;

/**
 * Actors by their next deadline. An actor that is set again keeps only its latest deadline. What an earlier revision
 * says of an actor changes nothing.
 */
export class DueHeap {
  readonly #latest = new Map<string, Due>();
  readonly #heap: Due[] = [];

  get size(): number {
    return this.#latest.size;
  }

  set(actor: string, dueAtMs: number, revision: number): void {
    const known = this.#latest.get(actor);
    if (known && (known.revision > revision || isSame(known, dueAtMs, revision))) return;
    const due = { actor, dueAtMs, revision };
    this.#latest.set(actor, due);
    this.#heap.push(due);
    this.#rise(this.#heap.length - 1);
  }

  delete(actor: string, revision: number): void {
    const known = this.#latest.get(actor);
    if (known && known.revision <= revision) this.#latest.delete(actor);
  }

  /** The next deadline, or null. */
  get nextMs(): number | null {
    this.#dropOld();
    return this.#heap[0]?.dueAtMs ?? null;
  }

  /** Takes out the actors that are due, the earliest first, at most `limit`. */
  take(nowMs: number, limit: number): readonly Due[] {
    const taken: Due[] = [];
    while (taken.length < limit) {
      this.#dropOld();
      const first = this.#heap[0];
      if (first === undefined || first.dueAtMs > nowMs) break;
      this.#pop();
      this.#latest.delete(first.actor);
      taken.push(first);
    }
    return taken;
  }

  /** Entries at the top that were replaced or deleted since. */
  #dropOld(): void {
    for (let first = this.#heap[0]; first !== undefined; first = this.#heap[0]) {
      if (this.#latest.get(first.actor) === first) return;
      this.#pop();
    }
  }

  #pop(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#sink(0);
  }

  #rise(from: number): void {
    for (let index = from; index > 0; ) {
      const parent = (index - 1) >> 1;
      if (!this.#isBefore(index, parent)) return;
      this.#swap(index, parent);
      index = parent;
    }
  }

  #sink(from: number): void {
    for (let index = from; ; ) {
      const [left, right] = [2 * index + 1, 2 * index + 2];
      let least = index;
      if (left < this.#heap.length && this.#isBefore(left, least)) least = left;
      if (right < this.#heap.length && this.#isBefore(right, least)) least = right;
      if (least === index) return;
      this.#swap(index, least);
      index = least;
    }
  }

  #isBefore(one: number, other: number): boolean {
    return (this.#heap[one] as Due).dueAtMs < (this.#heap[other] as Due).dueAtMs;
  }

  #swap(one: number, other: number): void {
    const kept = this.#heap[one] as Due;
    this.#heap[one] = this.#heap[other] as Due;
    this.#heap[other] = kept;
  }
}
