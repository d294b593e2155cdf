import type { BulkWriteOptions, Collection, Db, Document } from "mongodb";
import { collections, type Entry, type EntryHead, headFields, type Place } from "./store.ts";

type Stored = Omit<Entry, "actor" | "revision"> & { _id: { actor: string; revision: number } };

/** The only place that builds a journal `_id`: the order of its fields is part of the value. */
function journalId(actor: string, revision: number): Stored["_id"] {
  return { actor, revision };
}

function toStored({ actor, revision, ...rest }: Entry): Stored {
  return { _id: journalId(actor, revision), ...rest };
}

function fromStored<Rest>({ _id, ...rest }: Rest & Pick<Stored, "_id">) {
  return { actor: _id.actor, revision: _id.revision, ...rest };
}

/** All actors whose id starts with the prefix, as a range of `_id.actor`. */
function prefixRange(prefix: string): Document {
  return { "_id.actor": { $gte: prefix, $lt: `${prefix}\uffff` } };
}

const headProjection = {
  ...Object.fromEntries(headFields.map((field) => [field, 1])),
  ...{ "effects.id": 1, "effects.name": 1 },
};

/** The journal's collection: it throws what the driver throws. */
export class JournalCollection {
  readonly #stored: Collection<Stored>;

  constructor(database: Db) {
    this.#stored = database.collection<Stored>(collections.journal);
  }

  createIndexes(): Promise<unknown> {
    return this.#stored.createIndexes([
      { key: { "_id.actor": 1, "_id.revision": 1 }, name: "by-actor" },
      {
        key: { "_id.actor": 1, eventKey: 1 },
        name: "event-once",
        unique: true,
        partialFilterExpression: { eventKey: { $exists: true } },
      },
    ]);
  }

  insert(entries: readonly Entry[], options: BulkWriteOptions): Promise<unknown> {
    return this.#stored.insertMany(entries.map(toStored), options);
  }

  async entry(actor: string, revision: number): Promise<Entry | undefined> {
    const found = await this.#stored.findOne({ _id: journalId(actor, revision) });
    return found === null ? undefined : fromStored(found);
  }

  async holdsKey(actor: string, eventKey: string): Promise<boolean> {
    return (await this.#stored.findOne({ "_id.actor": actor, eventKey })) !== null;
  }

  async tail(actor: string): Promise<Entry | undefined> {
    return this.#last({ "_id.actor": actor });
  }

  async lastTail(prefix: string): Promise<Entry | undefined> {
    return this.#last(prefixRange(prefix));
  }

  async #last(range: Document): Promise<Entry | undefined> {
    const [found] = await this.#stored
      .find(range)
      .sort({ "_id.actor": -1, "_id.revision": -1 })
      .limit(1)
      .toArray();
    return found && fromStored(found);
  }

  async tails(prefix: string): Promise<readonly Entry[]> {
    const found = await this.#stored
      .aggregate<{ tail: Stored }>([
        { $match: prefixRange(prefix) },
        { $sort: { "_id.actor": 1, "_id.revision": 1 } },
        { $group: { _id: "$_id.actor", tail: { $last: "$$ROOT" } } },
        { $sort: { _id: 1 } },
      ])
      .toArray();
    return found.map(({ tail }) => fromStored(tail));
  }

  async heads(actor: string): Promise<readonly EntryHead[]> {
    const found = await this.#stored
      .find<Omit<EntryHead, "actor" | "revision"> & Pick<Stored, "_id">>(
        { "_id.actor": actor },
        { projection: headProjection },
      )
      .sort({ "_id.actor": 1, "_id.revision": 1 })
      .toArray();
    return found.map(fromStored);
  }

  async entries(
    actor: string,
    fromRevision: number,
    limit: number | undefined,
  ): Promise<readonly Entry[]> {
    const found = await this.#stored
      .find({ "_id.actor": actor, "_id.revision": { $gte: fromRevision } })
      .sort({ "_id.actor": 1, "_id.revision": 1 })
      // No limit is 0 for the driver.
      .limit(limit ?? 0)
      .toArray();
    return found.map(fromStored);
  }

  async entriesAt(places: readonly Place[]): Promise<readonly Entry[]> {
    const ids = places.map(({ actor, revision }) => journalId(actor, revision));
    return (await this.#stored.find({ _id: { $in: ids } }).toArray()).map(fromStored);
  }
}
