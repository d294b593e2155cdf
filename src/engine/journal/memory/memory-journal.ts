import { assert } from "../../../errors.ts";
import { limits } from "../../../limits.ts";
import { type ActorRow, type Entry, isEndOf, isLater, type PastEntry, rowOf } from "../entry.ts";
import type { Appended, EngineStore, EntryHead, Superseded, Sweep } from "../store.ts";

interface Keyed {
  readonly entry: Entry;
  /** Infinity while the journal has the entry. */
  readonly untilMs: number;
}

interface Actor {
  /** By revision, in order. */
  readonly entries: Map<number, Entry>;
  readonly keys: Map<string, Keyed>;
  tail: Entry;
}

interface Logged extends Pick<Entry, "actor" | "revision"> {
  /** The time of its append, by the store's clock. */
  readonly appendedAtMs: number;
}

const forEver = (entry: Entry): Keyed => ({ entry, untilMs: Number.POSITIVE_INFINITY });

/** The entries of all actors. Each call is atomic, since nothing in it waits. Entries never change: readers share them. */
export class MemoryJournal {
  readonly #actors = new Map<string, Actor>();
  /** The ids of the entries of each partition, in the order in which they were appended. */
  readonly #logs = new Map<string, Logged[]>();
  readonly #nowMs: () => number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** The fate of an entry, were it appended now. */
  check({ actor, revision, eventKey, nonce }: Entry): Exclude<Appended["kind"], "undone"> | "held" {
    const known = this.#actors.get(actor);
    const next = known === undefined ? 0 : known.tail.revision + 1;
    assert(revision <= next, "revisions have no gaps", { actor, revision });
    if (known?.entries.get(revision)?.nonce === nonce) return "held";
    const isKnown = eventKey !== undefined && this.byKey(actor, eventKey) !== undefined;
    if (isKnown) return "duplicate";
    return revision < next ? "revision-taken" : "appended";
  }

  put(entry: Entry): void {
    const { actor, revision, partition, eventKey } = entry;
    const known = this.#actors.get(actor) ?? {
      ...{ entries: new Map(), keys: new Map(), tail: entry },
    };
    known.entries.set(revision, entry);
    known.tail = entry;
    if (eventKey !== undefined) known.keys.set(eventKey, forEver(entry));
    this.#actors.set(actor, known);
    const log = this.#logs.get(partition) ?? [];
    log.push({ actor, revision, appendedAtMs: this.#nowMs() });
    this.#logs.set(partition, log);
  }

  tail(actor: string): Entry | undefined {
    return this.#actors.get(actor)?.tail;
  }

  entry(actor: string, revision: number): Entry | undefined {
    return this.#actors.get(actor)?.entries.get(revision);
  }

  byKey(actor: string, eventKey: string): Entry | undefined {
    const keyed = this.#actors.get(actor)?.keys.get(eventKey);
    return keyed && keyed.untilMs > this.#nowMs() ? keyed.entry : undefined;
  }

  entries(actor: string, fromRevision: number, limit: number): readonly PastEntry[] {
    const held = [...(this.#actors.get(actor)?.entries.values() ?? [])];
    return held
      .filter(({ revision }) => revision >= fromRevision)
      .slice(0, limit)
      .map(({ snapshot: _, ...past }) => past);
  }

  /** A mark is a place in the partition's log: in memory no entry is on its way. */
  sweep(partition: string, from: string | null): Sweep {
    const log = this.#logs.get(partition) ?? [];
    const start = Number(from ?? 0);
    const end = Math.min(log.length, start + limits.engineSweepEntriesMax);
    const heads = new Map<string, EntryHead>();
    for (const { actor, revision } of log.slice(start, end)) {
      const found = this.entry(actor, revision);
      const head = heads.get(actor);
      if (found && (head === undefined || isLater(found, head))) heads.set(actor, rowOf(found));
    }
    const mark = log.length === 0 ? null : String(end);
    return { heads: [...heads.values()], mark, next: end < log.length ? mark : null };
  }

  mark(partition: string): string | null {
    const log = this.#logs.get(partition);
    return log === undefined ? null : String(log.length);
  }

  compact({ actor, startedAtMs, from, below }: Superseded): void {
    const known = this.#actors.get(actor);
    if (known?.tail.startedAtMs !== startedAtMs) return;
    for (let revision = from; revision < Math.min(below, known.tail.revision); revision += 1) {
      const found = known.entries.get(revision);
      if (!found) continue;
      const cleared = { ...found, snapshot: null };
      known.entries.set(revision, cleared);
      if (cleared.eventKey !== undefined) known.keys.set(cleared.eventKey, forEver(cleared));
    }
  }

  expireHistory(
    ...[partition, from, beforeMs, limit, keysMs]: Parameters<EngineStore["expireHistory"]>
  ): string | null {
    const start = Number(from ?? 0);
    const page = (this.#logs.get(partition) ?? []).slice(start, start + limit);
    const end = page.findIndex(({ appendedAtMs }) => appendedAtMs >= beforeMs);
    const replacing = end === -1 ? page : page.slice(0, end);
    for (const { actor, revision } of replacing) {
      const known = this.#actors.get(actor);
      if (known && revision > 1) this.#remove(known, revision - 1, keysMs);
    }
    return replacing.length === 0 ? null : String(start + replacing.length);
  }

  /** Deletes up to `limit` entries of an actor whose row is at its end, and then its first and its last one together. */
  expireActor(row: ActorRow, limit: number): { deleted: number; gone: boolean } {
    const { actor, revision } = row;
    const known = this.#actors.get(actor);
    if (!known) return { deleted: 0, gone: true };
    if (!isEndOf(row, known.tail)) return { deleted: 0, gone: false };
    const between = [...known.entries.keys()].filter((each) => each > 0 && each < revision);
    const doomed = between.slice(0, limit);
    for (const each of doomed) this.#remove(known, each);
    if (doomed.length === limit) return { deleted: doomed.length, gone: false };
    this.#actors.delete(actor);
    return { deleted: doomed.length + known.entries.size, gone: true };
  }

  #remove({ entries, keys }: Actor, revision: number, keysMs?: number): void {
    const entry = entries.get(revision);
    entries.delete(revision);
    if (entry?.eventKey === undefined) return;
    const isKept = keysMs !== undefined && entry.eventKey.startsWith("caller:");
    if (isKept) keys.set(entry.eventKey, { entry, untilMs: entry.atMs + keysMs });
    else keys.delete(entry.eventKey);
  }
}
