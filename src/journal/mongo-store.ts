import {
  type ClientSession,
  type Collection,
  type Document,
  MongoBulkWriteError,
  type MongoClient,
  MongoServerError,
  ReadConcern,
  type TransactionOptions,
  WriteConcern,
} from "mongodb";
import { assert, LockstepError } from "../errors.ts";
import { limits } from "../limits.ts";
import { databaseNowMs } from "../mongo/database-now.ts";
import {
  asUnreachable,
  isNetworkTrouble,
  isTransient,
  isUnknownOutcome,
  isWriteTimeout,
} from "../mongo/transient.ts";
import { systemClock } from "../ports/clock.ts";
import type { FaultPoints } from "../ports/fault-point.ts";
import { hints, whatOf } from "./hints.ts";
import { type AppendResult, collections, type Entry, type Store, type Write } from "./store.ts";
import { wholeList } from "./whole-list.ts";

type Stored = Omit<Entry, "actor" | "revision"> & { _id: { actor: string; revision: number } };

/** The only place that builds a journal `_id`: the order of its fields is part of the value. */
function journalId(actor: string, revision: number): Stored["_id"] {
  return { actor, revision };
}

function toStored({ actor, revision, ...rest }: Entry): Stored {
  return { _id: journalId(actor, revision), ...rest };
}

function fromStored({ _id, ...rest }: Stored): Entry {
  return { actor: _id.actor, revision: _id.revision, ...rest };
}

/** All actors whose id starts with the prefix, as a range of `_id.actor`. */
function prefixRange(prefix: string): Document {
  return { "_id.actor": { $gte: prefix, $lt: `${prefix}\uffff` } };
}

/** A document, or what it is ordered by and how large it is, where it is too large to be read. */
function withinBounds(orderBy: string): Document {
  const bytes = { $bsonSize: "$$ROOT" };
  const head = { _id: "$_id", [orderBy]: `$${orderBy}`, oversizedBytes: bytes };
  return { $cond: [{ $gt: [bytes, limits.controlDocumentBytesMax] }, head, "$$ROOT"] };
}

class Refused extends Error {
  readonly write: number;
  constructor(write: number) {
    super("a write's expectation does not hold");
    this.write = write;
  }
}

function isDuplicateKey(error: unknown): boolean {
  return error instanceof MongoServerError && error.code === 11000;
}

/** The journal on a MongoDB replica set. */
export function createMongoStore(options: {
  client: MongoClient;
  databaseName: string;
  faultPoints: FaultPoints;
  /**
   * How long a write waits for a majority; then its outcome is not known. Default: for ever, as an agent does,
   * which can do nothing else meanwhile.
   */
  writeTimeoutMs?: number;
}): Store {
  const { client, faultPoints } = options;
  // Where a transaction names no time, the driver gives its commit 10 s.
  const writeConcern = new WriteConcern("majority", options.writeTimeoutMs ?? 0, true);
  const database = client.db(options.databaseName, {
    writeConcern,
    readConcern: new ReadConcern("majority"),
    readPreference: "primary",
  });
  const transactionOptions: TransactionOptions = {
    readConcern: new ReadConcern("snapshot"),
    writeConcern,
    readPreference: "primary",
  };
  const journal: Collection<Stored> = database.collection<Stored>(collections.journal);
  const named = (name: string) => database.collection<{ _id: string } & Document>(name);
  let prepared: Promise<void> | undefined;
  let closed = false;
  const closing = new AbortController();

  const prepare = () => {
    prepared ??= (async () => {
      const ofJournal = journal.createIndexes([
        { key: { "_id.actor": 1, "_id.revision": 1 }, name: "by-actor" },
        {
          key: { "_id.actor": 1, eventKey: 1 },
          name: "event-once",
          unique: true,
          partialFilterExpression: { eventKey: { $exists: true } },
        },
      ]);
      const ofInbox = named(collections.inbox).createIndex(
        { expiresAt: 1 },
        // A member that is away keeps no build of it waiting where there are requests already.
        { name: "asked-long-ago", expireAfterSeconds: 0, commitQuorum: "majority" },
      );
      await Promise.all([ofJournal, ofInbox]);
    })();
    prepared.catch(() => {
      prepared = undefined;
    });
    return prepared;
  };
  const reading = async <Result>(act: () => Promise<Result>): Promise<Result> => {
    try {
      return await act();
    } catch (error) {
      throw asUnreachable(error);
    }
  };
  /** Reading needs no index, and works where no majority would acknowledge one. */
  const guarded = <Result>(act: () => Promise<Result>): Promise<Result> =>
    reading(async () => {
      await prepare();
      return act();
    });

  /** Whether the journal holds this very entry: how a lost answer is told from somebody else's write. */
  const isOurs = (found: Stored | null, entry: Entry): boolean =>
    found !== null &&
    found.epoch === entry.epoch &&
    found.at === entry.at &&
    found.eventKey === entry.eventKey &&
    found.snapshot === entry.snapshot;

  const readBack = async (entry: Entry): Promise<AppendResult> => {
    const found = await journal.findOne({ _id: journalId(entry.actor, entry.revision) });
    if (isOurs(found, entry)) return { kind: "appended" };
    if (found !== null) return { kind: "conflict" };
    const { eventKey } = entry;
    const known =
      eventKey !== undefined &&
      (await journal.findOne({ "_id.actor": entry.actor, eventKey })) !== null;
    if (known) return { kind: "duplicate" };
    throw new LockstepError(
      "database-unreachable",
      "a majority does not have a write yet: what becomes of it is looked for when there is a primary",
      { actor: entry.actor },
    );
  };

  const applyWrite = async (write: Write, index: number, session?: ClientSession) => {
    const { collection, id, expect, set = {}, increment = {}, remove = [] } = write;
    const options = session ? { session } : {};
    if (expect === null) {
      try {
        await named(collection).insertOne({ _id: id, ...set, ...increment }, options);
      } catch (error) {
        throw isDuplicateKey(error) ? new Refused(index) : error;
      }
      return;
    }
    const update = {
      ...(Object.keys(set).length > 0 ? { $set: set } : {}),
      ...(Object.keys(increment).length > 0 ? { $inc: increment } : {}),
      ...(remove.length > 0
        ? { $unset: Object.fromEntries(remove.map((path) => [path, ""])) }
        : {}),
    };
    const result = await named(collection).updateOne({ _id: id, ...expect }, update, options);
    if (result.matchedCount !== 1) throw new Refused(index);
  };

  /** Committing again is safe: the server answers what became of the first commit. */
  const commit = async (session: ClientSession) => {
    for (let attempt = 1; ; attempt += 1) {
      try {
        await session.commitTransaction();
        return;
      } catch (error) {
        const isOver = isWriteTimeout(error) || attempt >= limits.commitAttemptsMax;
        if (!isUnknownOutcome(error) || isOver) throw error;
        await systemClock.sleep(limits.leaseAcquirePollMs, closing.signal);
      }
    }
  };

  /** One transaction, tried again while it had no effect; an unknown commit is the caller's to read back. */
  const transact = async (body: (session: ClientSession) => Promise<void>): Promise<void> => {
    for (let attempt = 1; ; attempt += 1) {
      const session = client.startSession();
      try {
        session.startTransaction(transactionOptions);
        await body(session);
        await commit(session);
        return;
      } catch (error) {
        if (session.inTransaction()) await session.abortTransaction().catch(() => {});
        if (!isTransient(error) || attempt >= limits.transactionAttemptsMax) throw error;
        await systemClock.sleep(Math.min(2 ** attempt, 100), closing.signal);
      } finally {
        await session.endSession();
      }
    }
  };

  /**
   * One document's write is atomic by itself. A transaction whose process dies in it stays open, on the
   * document that its next process has to register in, until the server ends it after a minute.
   */
  const applyAll = async (writes: readonly Write[]): Promise<void> => {
    const [first, ...others] = writes;
    if (first && others.length === 0) return applyWrite(first, 0);
    await transact(async (session) => {
      for (const [index, write] of writes.entries()) await applyWrite(write, index, session);
    });
  };

  const insertAll = async (entries: readonly Entry[]): Promise<readonly AppendResult[]> => {
    try {
      await faultPoints.write("journal", () =>
        journal.insertMany(entries.map(toStored), { ordered: false }),
      );
      return entries.map(() => ({ kind: "appended" }));
    } catch (error) {
      // Of what went wrong only a duplicate key is an answer. Whatever else was said, or was not: what counts
      // is what a majority has. (Written on one member alone, an entry is taken back by an election.)
      const said = error instanceof MongoBulkWriteError ? [error.writeErrors].flat() : [];
      const isAnswer = said.length > 0 && said.every(({ code }) => code === 11000);
      if (!isAnswer && !isNetworkTrouble(error)) throw error;
      return Promise.all(entries.map(readBack));
    }
  };

  const appendWithWrites = async (
    entries: readonly Entry[],
    writes: readonly Write[],
  ): Promise<readonly AppendResult[]> => {
    try {
      await faultPoints.write("journal", () =>
        transact(async (session) => {
          for (const [index, write] of writes.entries()) await applyWrite(write, index, session);
          await journal.insertMany(entries.map(toStored), { session });
        }),
      );
      return entries.map(() => ({ kind: "appended" }));
    } catch (error) {
      const duplicate = isDuplicateKey(error);
      if (!(error instanceof Refused) && !duplicate && !isUnknownOutcome(error)) throw error;
      // The transaction stands or falls as one: an entry of ours in the journal means all took effect.
      const results: AppendResult[] = [];
      for (const entry of entries) {
        results.push(
          await readBack(entry).catch((unread: unknown): AppendResult => {
            if (error instanceof Refused) return { kind: "refused", write: error.write };
            if (duplicate) return { kind: "undone" };
            throw unread;
          }),
        );
      }
      return results;
    }
  };

  return {
    now: () => reading(() => databaseNowMs(client)),
    append(entries, writes = []) {
      assert(
        new Set(entries.map(({ actor }) => actor)).size === entries.length,
        "at most one entry an actor in a batch",
      );
      return guarded(() =>
        writes.length === 0 ? insertAll(entries) : appendWithWrites(entries, writes),
      );
    },
    write: (writes, name = "control") =>
      guarded(async () => {
        try {
          await faultPoints.write(name, () => applyAll(writes));
          return null;
        } catch (error) {
          if (error instanceof Refused) return error.write;
          throw error;
        }
      }),
    erase: (collection, ids, name) =>
      reading(async () => {
        if (ids.length === 0) return;
        await faultPoints.write(name, () =>
          named(collection).deleteMany({ _id: { $in: [...ids] } }),
        );
      }),
    tail: (actor) =>
      reading(async () => {
        const [found] = await journal
          .find({ "_id.actor": actor })
          .sort({ "_id.actor": -1, "_id.revision": -1 })
          .limit(1)
          .toArray();
        return found && fromStored(found);
      }),
    tails: (prefix) =>
      reading(async () => {
        const found = await journal
          .aggregate<{ tail: Stored }>([
            { $match: prefixRange(prefix) },
            { $sort: { "_id.actor": 1, "_id.revision": 1 } },
            { $group: { _id: "$_id.actor", tail: { $last: "$$ROOT" } } },
            { $sort: { _id: 1 } },
          ])
          .toArray();
        return found.map(({ tail }) => fromStored(tail));
      }),
    entries: (actor, fromRevision = 0) =>
      reading(async () => {
        const found = await journal
          .find({ "_id.actor": actor, "_id.revision": { $gte: fromRevision } })
          .sort({ "_id.actor": 1, "_id.revision": 1 })
          .toArray();
        return found.map(fromStored);
      }),
    get: (collection, id) =>
      reading(async () => {
        const found = await named(collection).findOne({ _id: id });
        if (!found) return undefined;
        const { _id, ...fields } = found;
        return fields;
      }),
    list: (collection, where = {}, page) =>
      reading(async () => {
        const { orderBy, limit } = page ?? { orderBy: "_id", limit: limits.listMax + 1 };
        const found = await named(collection)
          .aggregate<{ _id: string } & Document>(
            [
              { $match: where },
              // Before they are ordered: the server has 100 MB for that.
              { $replaceWith: withinBounds(orderBy) },
              { $sort: { [orderBy]: 1, _id: 1 } },
              { $limit: limit },
            ],
            // A text with invalid bytes in one document must not keep the others from being read.
            { enableUtf8Validation: false },
          )
          .toArray();
        return page ? found : wholeList(collection, found);
      }),
    watch(onHint) {
      const stop = new AbortController();
      const either = AbortSignal.any([stop.signal, closing.signal]);
      void (async () => {
        for (let opening = 1; !either.aborted; opening += 1) {
          const stream = database.watch(hints, { maxAwaitTimeMS: 1_000 });
          // What changed while there was none, nobody was told.
          if (opening > 1) onHint("");
          const end = () => void stream.close().catch(() => {});
          either.addEventListener("abort", end, { once: true });
          try {
            for await (const change of stream) onHint(whatOf(change));
          } catch {
            await systemClock.sleep(limits.watchRetryMs, either);
          } finally {
            either.removeEventListener("abort", end);
            await stream.close().catch(() => {});
          }
        }
      })();
      return () => stop.abort();
    },
    async close() {
      if (closed) return;
      closed = true;
      closing.abort();
    },
  };
}
