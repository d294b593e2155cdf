import type { BulkWriteOptions, ClientSession, Collection, Db, Document, Filter } from "mongodb";
import { Timestamp } from "mongodb";
import { limits } from "../../../limits.ts";
import { type ActorRow, type Entry, isLater, type PastEntry } from "../entry.ts";
import { pageOf } from "../page.ts";
import { databaseNotSupported } from "../refusals.ts";
import type { Sweep, TailsPage } from "../store.ts";
import type { BrokenRecords } from "./broken-records.ts";
import {
  engineCollections,
  entryId,
  entryIds,
  fromStored,
  headFromStored,
  headProjection,
  pastFromStored,
  type StoredEntry,
  toStored,
} from "./records.ts";

const partitionIndex = "by-partition";
const keyIndex = "until-its-key-is-old";
const eventIndex = "event-once";

/** A read that only the present primary answers. */
const linearizable = {
  readConcern: { level: "linearizable" },
  maxTimeMS: limits.engineMajorityMs,
} as const;

/** The time before which nothing is on its way any more. */
function settledBefore(nowSeconds: number): Timestamp {
  const seconds = Math.max(0, nowSeconds - limits.engineSweepMarginSeconds);
  return new Timestamp({ t: seconds, i: 0 });
}

/** Groups of actors whose tails one query reads. */
function groupsOf(actors: readonly string[]): readonly (readonly string[])[] {
  const groups: (readonly string[])[] = [];
  for (let at = 0; at < actors.length; at += limits.engineTailsOnce) {
    groups.push(actors.slice(at, at + limits.engineTailsOnce));
  }
  return groups;
}

async function* pastEntries(
  found: AsyncIterable<Omit<StoredEntry, "snapshot">>,
): AsyncGenerator<PastEntry> {
  for await (const each of found) yield pastFromStored(each);
}

/** The journal's collection. It throws what the driver throws. */
export class JournalCollection {
  readonly stored: Collection<StoredEntry>;
  readonly #database: Db;
  readonly #broken: BrokenRecords;

  constructor(database: Db, broken: BrokenRecords) {
    this.#database = database;
    this.#broken = broken;
    this.stored = database.collection<StoredEntry>(engineCollections.journal);
  }

  /** The index of `_id` serves all reads of one actor, so the journal needs no further index by actor. */
  createIndexes(): Promise<unknown> {
    return this.stored.createIndexes(
      [
        {
          key: { "_id.actor": 1, eventKey: 1 },
          name: eventIndex,
          unique: true,
          partialFilterExpression: { eventKey: { $exists: true } },
        },
        { key: { partition: 1, ts: 1 }, name: partitionIndex },
        {
          key: { keyUntil: 1 },
          name: keyIndex,
          expireAfterSeconds: 0,
          partialFilterExpression: { keyUntil: { $exists: true } },
        },
      ],
      { commitQuorum: "majority" },
    );
  }

  insert(entries: readonly Entry[], options: BulkWriteOptions): Promise<unknown> {
    return this.stored.insertMany(entries.map(toStored), options);
  }

  /** Within a transaction that may have a `timeoutMS`: the driver 6 refuses an `insertMany` there. */
  insertOne(entry: Entry, session: ClientSession): Promise<unknown> {
    return this.stored.insertOne(toStored(entry), { session });
  }

  /** The nonces of the entries with the ids of these entries, by actor. */
  async nonces(entries: readonly Entry[]): Promise<ReadonlyMap<string, string>> {
    const ids = entries.map(({ actor, revision }) => entryId(actor, revision));
    const found = await this.stored
      .find({ _id: { $in: ids } }, { projection: { nonce: 1 } })
      .toArray();
    return new Map(found.map(({ _id, nonce }) => [_id.actor, String(nonce)]));
  }

  /**
   * The nonce of the entry that keeps another one out, or undefined. The answer waits until a majority has what it
   * says.
   */
  async settledNonce({
    actor,
    revision,
    eventKey,
  }: Entry): Promise<{ byId?: string; byKey?: string }> {
    const options = { projection: { nonce: 1 }, ...linearizable } as const;
    const byId = await this.stored.findOne({ _id: entryId(actor, revision) }, options);
    if (byId) return { byId: byId.nonce };
    if (eventKey === undefined) return {};
    const byKey = await this.stored.findOne({ "_id.actor": actor, eventKey }, options);
    return byKey ? { byKey: byKey.nonce } : {};
  }

  /** The nonce of the entry with a key. */
  async nonceOf(actor: string, eventKey: string): Promise<string | undefined> {
    const options = { projection: { nonce: 1 }, hint: eventIndex };
    const found = await this.stored.findOne({ "_id.actor": actor, eventKey }, options);
    return found === null ? undefined : String(found.nonce);
  }

  async entry(
    actor: string,
    revision: number,
    session?: ClientSession,
  ): Promise<Entry | undefined> {
    const options = session ? { session } : {};
    const found = await this.stored.findOne({ _id: entryId(actor, revision) }, options);
    return found === null ? undefined : fromStored(found);
  }

  async byKey(actor: string, eventKey: string): Promise<Entry | undefined> {
    const found = await this.stored.findOne({ "_id.actor": actor, eventKey }, { hint: eventIndex });
    return found === null ? undefined : fromStored(found);
  }

  /**
   * The tail of an actor. A former primary answers from its old data until it hears of its successor, so that an actor is
   * missing only where the present primary says so.
   */
  async tail(actor: string, session?: ClientSession): Promise<Entry | undefined> {
    const found = await this.#latest(actor, session);
    if (found !== undefined || session !== undefined) return found;
    return (await this.#isThere(actor)) ? this.#latest(actor) : undefined;
  }

  /** Whether an actor has its first entry, by a read that waits for a majority. */
  async #isThere(actor: string): Promise<boolean> {
    const options = { projection: { _id: 1 }, ...linearizable } as const;
    return (await this.stored.findOne({ _id: entryId(actor, 0) }, options)) !== null;
  }

  async #latest(actor: string, session?: ClientSession): Promise<Entry | undefined> {
    const [found] = await this.stored
      .find(entryIds(actor), session ? { session } : {})
      .sort({ _id: -1 })
      .limit(1)
      .toArray();
    return found && fromStored(found);
  }

  /** The tails of many actors, as many as a page holds. */
  async tails(
    actors: readonly string[],
    known: ReadonlyMap<string, number> = new Map(),
  ): Promise<TailsPage> {
    const left = new Set(actors);
    const tails = await pageOf(this.#tailsOf(left, known));
    return { tails, left: [...left] };
  }

  /** One query for a group of actors, since a round trip costs more than the tail. Takes out of `left` what it has read. */
  async *#tailsOf(left: Set<string>, known: ReadonlyMap<string, number>): AsyncGenerator<Entry> {
    for (const group of groupsOf([...left].filter((actor) => known.has(actor)))) {
      yield* this.#tailsFrom(group, left, known);
    }
    for (const group of groupsOf([...left])) {
      const [first = [], ...others] = group.map((actor): Document[] => [
        { $match: entryIds(actor) },
        { $sort: { _id: -1 } },
        { $limit: 1 },
      ]);
      const coll = engineCollections.journal;
      const stages = [...first, ...others.map((pipeline) => ({ $unionWith: { coll, pipeline } }))];
      for await (const each of this.stored.aggregate<StoredEntry>(stages)) {
        left.delete(each._id.actor);
        yield fromStored(each);
      }
      for (const actor of group) left.delete(actor);
    }
  }

  /**
   * The tails of those actors which have few entries from their known revisions on. This takes a third of the time of a
   * query that knows no revision.
   */
  async *#tailsFrom(
    group: readonly string[],
    left: Set<string>,
    known: ReadonlyMap<string, number>,
  ): AsyncGenerator<Entry> {
    const found = this.stored
      .find({ $or: group.map((actor) => entryIds(actor, known.get(actor))) })
      .sort({ _id: -1 })
      .limit(2 * limits.engineTailsOnce);
    for await (const each of found) {
      // The first of an actor is its latest.
      if (left.delete(each._id.actor)) yield fromStored(each);
    }
  }

  entries(actor: string, fromRevision: number, limit: number): Promise<readonly PastEntry[]> {
    const found = this.stored
      .find<Omit<StoredEntry, "snapshot">>(
        { ...entryIds(actor, fromRevision), keyUntil: { $exists: false } },
        { projection: { snapshot: 0 } },
      )
      .sort({ _id: 1 })
      .limit(limit);
    return pageOf(pastEntries(found));
  }

  /**
   * Takes everything out of entries but their places and the keys of callers' events. The unique index goes on to hold
   * these keys, and the server deletes the entries once the keys are old.
   */
  async keepKeys(filter: Filter<StoredEntry>, keysMs: number): Promise<void> {
    const none = { $literal: [] };
    await this.stored.updateMany({ ...filter, eventKey: /^caller:/ }, [
      {
        $set: {
          keyUntil: { $add: [{ $toDate: "$ts" }, keysMs] },
          ...{ event: "", snapshot: null, tags: none, timers: none, work: none },
        },
      },
      { $unset: ["emitted", "reason", "dueAtMs"] },
    ]);
  }

  async sweep(partition: string, from: string | null): Promise<Sweep> {
    // Taken first: all that a majority has at this moment is found below.
    const nowSeconds = await this.#majoritySeconds();
    const safe = settledBefore(nowSeconds);
    const start = from === null ? null : Timestamp.fromString(from, 10);
    // The clock of another cluster, from which the data came, may have been ahead.
    const isAhead = start !== null && start.getHighBitsUnsigned() > nowSeconds;
    const since = start === null || isAhead ? {} : { ts: { $gte: start } };
    const found = await this.stored
      .find({ partition, ...since }, { projection: headProjection, hint: partitionIndex })
      .sort({ partition: 1, ts: 1 })
      .limit(limits.engineSweepEntriesMax)
      .toArray();
    const heads = new Map<string, ActorRow>();
    for (const head of this.#broken.readable(found, headFromStored)) {
      const known = heads.get(head.actor);
      if (known === undefined || isLater(head, known)) heads.set(head.actor, head);
    }
    const last = found.map(({ ts }) => ts).findLast((ts) => ts instanceof Timestamp);
    const isWhole = found.length < limits.engineSweepEntriesMax;
    const mark = last === undefined || last.lessThan(safe) ? (last ?? start) : safe;
    return {
      heads: [...heads.values()],
      mark: mark === null ? null : mark.toString(),
      next: isWhole || last === undefined ? null : last.toString(),
    };
  }

  /**
   * The ids of the entries that were appended after a mark and before a time, in order, with the mark of the next page.
   * Null: there is none.
   */
  async appendedBefore(partition: string, from: string | null, before: Timestamp, limit: number) {
    const after = from === null ? {} : { $gt: Timestamp.fromString(from, 10) };
    const found = await this.stored
      .find(
        { partition, ts: { ...after, $lt: before } },
        { projection: { ts: 1 }, hint: partitionIndex },
      )
      .sort({ partition: 1, ts: 1 })
      .limit(limit)
      .toArray();
    return { replacing: found.map(({ _id }) => _id), next: found.at(-1)?.ts.toString() ?? null };
  }

  async mark(): Promise<string> {
    return settledBefore(await this.#majoritySeconds()).toString();
  }

  /** The time of the last write that a majority has, in seconds by the cluster's clock. */
  async #majoritySeconds(): Promise<number> {
    const { operationTime } = await this.#database.command({
      find: engineCollections.partitions,
      filter: {},
      hint: { _id: 1 },
      limit: 1,
      readConcern: { level: "majority" },
    });
    if (operationTime instanceof Timestamp) return operationTime.getHighBitsUnsigned();
    throw databaseNotSupported("a cluster's time with each answer", "an answer without it");
  }
}
