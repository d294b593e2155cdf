import { LockstepError } from "../../errors.ts";
import { isAtEnd } from "../../journal/entry-shape.ts";
import type { Entry, EntryHead, Store } from "../../journal/store.ts";
import { type Readable, readEntry } from "./read-entry.ts";

/** An actor as its latest entry shows it. */
export interface ActorView<Context> {
  readonly actor: string;
  readonly revision: number;
  readonly state: string;
  readonly context: Context;
  /** Milliseconds by the store's clock. */
  readonly at: number;
}

/** One stay of an actor in a state. */
export interface Visit {
  readonly state: string;
  /** When the actor entered it, in milliseconds by the store's clock. */
  readonly at: number;
  readonly epoch: number;
}

/** True once the actor can move no more. Pure. */
export function isFinal(entry: Pick<Entry, "status">): boolean {
  return isAtEnd(entry);
}

/** The states through which an actor went, in order. Pure. */
export function visitsOf(heads: readonly EntryHead[]): readonly Visit[] {
  return heads
    .filter(({ state }, index) => state !== heads[index - 1]?.state)
    .map(({ state, at, epoch }) => ({ state, at, epoch }));
}

/** When a timer of this name fires, or null where none is armed. Pure. */
export function dueAt({ timers }: Entry, name: string): number | null {
  return timers.find((timer) => timer.name === name)?.dueAt ?? null;
}

/** The heads of an actor's entries up to its tail. Entries that were appended since belong to a later reading. */
export async function headsUpTo(
  store: Pick<Store, "heads">,
  { actor, revision }: Entry,
): Promise<readonly EntryHead[]> {
  return (await store.heads(actor)).filter((head) => head.revision <= revision);
}

/** Reads the journal entries of some machines, for those who own none of their actors. */
export class JournalReader {
  readonly #machines: Readonly<Record<string, Readable>>;
  /** An entry never changes, so it is read once. */
  readonly #known = new WeakMap<Entry, ReturnType<typeof readEntry>>();

  constructor(machines: Readonly<Record<string, Readable>>) {
    this.#machines = machines;
  }

  #read(entry: Entry): ReturnType<typeof readEntry> {
    const read = this.#known.get(entry) ?? readEntry(this.#machines, entry);
    this.#known.set(entry, read);
    return read;
  }

  /** Why this build cannot read a journal entry, or null. */
  unreadable(entry: Entry): LockstepError | null {
    const read = this.#read(entry);
    return read instanceof LockstepError ? read : null;
  }

  /**
   * The context in a journal entry's snapshot.
   * @throws LockstepError `entry-not-readable`
   */
  contextOf<Context>(entry: Entry): Context {
    const read = this.#read(entry);
    if (read instanceof LockstepError) throw read;
    return read.context as Context;
  }

  /**
   * An actor as this entry shows it.
   * @throws LockstepError `entry-not-readable`
   */
  viewOf<Context>(entry: Entry): ActorView<Context> {
    const { actor, revision, state, at } = entry;
    return { actor, revision, state, at, context: this.contextOf<Context>(entry) };
  }

  /**
   * True once the actor has moved for the last time and its last effects are done, or where only another build can
   * do them.
   */
  isOver(entry: Entry): boolean {
    return isFinal(entry) && (this.unreadable(entry) !== null || entry.effects.length === 0);
  }
}
