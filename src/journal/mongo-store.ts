import {
  type Collection,
  type Db,
  type Document,
  MongoBulkWriteError,
  type MongoClient,
  ReadConcern,
  WriteConcern,
} from "mongodb";
import { assert, LockstepError } from "../errors.ts";
import { limits } from "../limits.ts";
import { databaseNowMs } from "../mongo/database-now.ts";
import { hasCode, serverErrors } from "../mongo/server-errors.ts";
import { asUnreachable, isNetworkTrouble, isUnknownOutcome } from "../mongo/transient.ts";
import type { Clock } from "../ports/clock.ts";
import type { FaultPoints } from "../ports/fault-point.ts";
import {
  applyAll,
  applyWrite,
  Refused,
  type Transactions,
  transact,
} from "./control-writes-on-mongo.ts";
import { hints, whatOf } from "./hints.ts";
import { JournalCollection } from "./journal-collection.ts";
import {
  type AppendResult,
  type ControlDocument,
  collections,
  type Entry,
  type Place,
  type Store,
  type Write,
} from "./store.ts";
import { wholeList } from "./whole-list.ts";

/** The means of a store on MongoDB. */
export interface MongoStoreOptions {
  readonly client: MongoClient;
  readonly databaseName: string;
  readonly faultPoints: FaultPoints;
  readonly clock: Clock;
  /**
   * How long a write waits for a majority. After that its outcome is unknown. Default: for ever, as an agent can do
   * nothing else meanwhile.
   */
  readonly writeTimeoutMs?: number;
}

/** A document, or only its order field and its size where it is too large to be read. */
function withinBounds(orderBy: string): Document {
  const bytes = { $bsonSize: "$$ROOT" };
  const head = { _id: "$_id", [orderBy]: `$${orderBy}`, oversizedBytes: bytes };
  return { $cond: [{ $gt: [bytes, limits.controlDocumentBytesMax] }, head, "$$ROOT"] };
}

/** True where the journal holds this very entry, and not one of another writer. */
function isSame(found: Entry | undefined, entry: Entry): boolean {
  return (
    found !== undefined &&
    found.epoch === entry.epoch &&
    found.at === entry.at &&
    found.eventKey === entry.eventKey &&
    found.snapshot === entry.snapshot
  );
}

/** Trouble on the way to the database is thrown as `database-unreachable`. */
async function reading<Result>(act: () => Promise<Result>): Promise<Result> {
  try {
    return await act();
  } catch (error) {
    throw asUnreachable(error);
  }
}

/** The journal on a MongoDB replica set. */
export function createMongoStore(options: MongoStoreOptions): Store {
  return new MongoStore(options);
}

class MongoStore implements Store {
  readonly #options: MongoStoreOptions;
  readonly #database: Db;
  readonly #journal: JournalCollection;
  readonly #closing = new AbortController();
  readonly #transactions: Transactions;
  #prepared: Promise<void> | undefined;

  constructor(options: MongoStoreOptions) {
    const { client, clock } = options;
    // Without a time of its own the driver gives the commit of a transaction 10 s.
    const writeConcern = new WriteConcern("majority", options.writeTimeoutMs ?? 0, true);
    const database = client.db(options.databaseName, {
      writeConcern,
      readConcern: new ReadConcern("majority"),
      readPreference: "primary",
    });
    this.#options = options;
    this.#database = database;
    this.#journal = new JournalCollection(database);
    this.#transactions = { client, database, writeConcern, clock, closing: this.#closing.signal };
  }

  now(): Promise<number> {
    return reading(() => databaseNowMs(this.#options.client));
  }

  append(
    entries: readonly Entry[],
    writes: readonly Write[] = [],
  ): Promise<readonly AppendResult[]> {
    assert(
      new Set(entries.map(({ actor }) => actor)).size === entries.length,
      "at most one entry an actor in a batch",
    );
    return this.#writing(() =>
      writes.length === 0 ? this.#insertAll(entries) : this.#appendWithWrites(entries, writes),
    );
  }

  write(writes: readonly Write[], name = "control"): Promise<number | null> {
    return this.#writing(async () => {
      try {
        await this.#options.faultPoints.write(name, () => applyAll(this.#transactions, writes));
        return null;
      } catch (error) {
        if (error instanceof Refused) return error.write;
        throw error;
      }
    });
  }

  erase(collection: string, ids: readonly string[], name: string): Promise<void> {
    return reading(async () => {
      if (ids.length === 0) return;
      await this.#options.faultPoints.write(name, () =>
        this.#named(collection).deleteMany({ _id: { $in: [...ids] } }),
      );
    });
  }

  tail(actor: string) {
    return reading(() => this.#journal.tail(actor));
  }

  tails(prefix: string) {
    return reading(() => this.#journal.tails(prefix));
  }

  lastTail(prefix: string) {
    return reading(() => this.#journal.lastTail(prefix));
  }

  heads(actor: string) {
    return reading(() => this.#journal.heads(actor));
  }

  entries(actor: string, fromRevision = 0, limit?: number) {
    return reading(() => this.#journal.entries(actor, fromRevision, limit));
  }

  entriesAt(places: readonly Place[]) {
    assert(places.length <= limits.listMax, "few places enough for one query");
    return reading(() => this.#journal.entriesAt(places));
  }

  get(...[collection, id]: Parameters<Store["get"]>): ReturnType<Store["get"]> {
    return reading(async () => {
      const found = await this.#named(collection).findOne({ _id: id });
      if (!found) return undefined;
      const { _id, ...fields } = found;
      return fields;
    });
  }

  list(...[collection, where = {}, page]: Parameters<Store["list"]>): ReturnType<Store["list"]> {
    return reading(async () => {
      const { orderBy, limit } = page ?? { orderBy: "_id", limit: limits.listMax + 1 };
      const found = await this.#named(collection)
        .aggregate<{ _id: string } & ControlDocument>(
          [
            { $match: where },
            // Documents shrink before they are sorted, since the server has 100 MB for a sort.
            { $replaceWith: withinBounds(orderBy) },
            { $sort: { [orderBy]: 1, _id: 1 } },
            { $limit: limit },
          ],
          // Invalid bytes in one document must not hide the others.
          { enableUtf8Validation: false },
        )
        .toArray();
      return page ? found : wholeList(collection, found);
    });
  }

  watch(onHint: (what: string) => void): () => void {
    const stop = new AbortController();
    void this.#watch(onHint, AbortSignal.any([stop.signal, this.#closing.signal]));
    return () => stop.abort();
  }

  async close(): Promise<void> {
    this.#closing.abort();
  }

  #named(name: string): Collection<{ _id: string } & Document> {
    return this.#database.collection<{ _id: string } & Document>(name);
  }

  #prepare(): Promise<void> {
    this.#prepared ??= (async () => {
      const ofInbox = this.#named(collections.inbox).createIndex(
        { expiresAt: 1 },
        // With this quorum, a member that is away does not delay the build where requests exist already.
        { name: "asked-long-ago", expireAfterSeconds: 0, commitQuorum: "majority" },
      );
      await Promise.all([this.#journal.createIndexes(), ofInbox]);
    })();
    this.#prepared.catch(() => {
      this.#prepared = undefined;
    });
    return this.#prepared;
  }

  /** Prepares the indexes first. Reading does without: it works where no majority acknowledges an index. */
  #writing<Result>(act: () => Promise<Result>): Promise<Result> {
    return reading(async () => {
      await this.#prepare();
      return act();
    });
  }

  async #readBack(entry: Entry): Promise<AppendResult> {
    const found = await this.#journal.entry(entry.actor, entry.revision);
    if (isSame(found, entry)) return { kind: "appended" };
    if (found !== undefined) return { kind: "revision-taken" };
    const { eventKey } = entry;
    const known = eventKey !== undefined && (await this.#journal.holdsKey(entry.actor, eventKey));
    if (known) return { kind: "duplicate" };
    throw new LockstepError(
      "database-unreachable",
      "expected a majority to have a write, found that it has not yet: the outcome is read again once there is a primary",
      { actor: entry.actor },
    );
  }

  async #insertAll(entries: readonly Entry[]): Promise<readonly AppendResult[]> {
    try {
      await this.#options.faultPoints.write("journal", () =>
        this.#journal.insert(entries, { ordered: false }),
      );
      return entries.map(() => ({ kind: "appended" }));
    } catch (error) {
      // Only a duplicate key is a final answer. In any other case the majority's data decides, since an election
      // takes back an entry that one member alone has written.
      const said = error instanceof MongoBulkWriteError ? [error.writeErrors].flat() : [];
      const isAnswer =
        said.length > 0 && said.every(({ code }) => code === serverErrors.duplicateKey);
      if (!isAnswer && !isNetworkTrouble(error)) throw error;
      return Promise.all(entries.map((entry) => this.#readBack(entry)));
    }
  }

  async #appendWithWrites(
    entries: readonly Entry[],
    writes: readonly Write[],
  ): Promise<readonly AppendResult[]> {
    try {
      await this.#options.faultPoints.write("journal", () =>
        transact(this.#transactions, async (session) => {
          for (const [index, write] of writes.entries()) {
            await applyWrite(this.#database, write, index, session);
          }
          await this.#journal.insert(entries, { session });
        }),
      );
      return entries.map(() => ({ kind: "appended" }));
    } catch (error) {
      const duplicate = hasCode(error, serverErrors.duplicateKey);
      if (!(error instanceof Refused) && !duplicate && !isUnknownOutcome(error)) throw error;
      // The transaction is atomic: where the journal holds one entry of ours, all of it took effect.
      const results: AppendResult[] = [];
      for (const entry of entries) {
        results.push(
          await this.#readBack(entry).catch((unread: unknown): AppendResult => {
            if (error instanceof Refused) return { kind: "refused", write: error.write };
            if (duplicate) return { kind: "undone" };
            throw unread;
          }),
        );
      }
      return results;
    }
  }

  async #watch(onHint: (what: string) => void, signal: AbortSignal): Promise<void> {
    for (let opening = 1; !signal.aborted; opening += 1) {
      const stream = this.#database.watch(hints, { maxAwaitTimeMS: 1_000 });
      // Changes during the gap between two streams were lost, so anything may have changed.
      if (opening > 1) onHint("");
      const end = () => void stream.close().catch(() => {});
      signal.addEventListener("abort", end, { once: true });
      try {
        for await (const change of stream) onHint(whatOf(change));
      } catch {
        await this.#options.clock.sleep(limits.watchRetryMs, signal);
      } finally {
        signal.removeEventListener("abort", end);
        await stream.close().catch(() => {});
      }
    }
  }
}
