import type { CollationOptions, Document, Filter, ObjectId, UpdateFilter } from "mongodb";
import type { Log } from "../../log.ts";

/** A document as a step's pure function sees it. */
export type StepDocument = Readonly<Record<string, unknown>>;

/** How `applyToCollection` changes documents: by a pipeline on the server, or one by one. */
export type Application =
  | {
      readonly filter?: Filter<Document>;
      /** An update pipeline, run on the server. */
      readonly update: readonly Document[];
    }
  | {
      readonly filter?: Filter<Document>;
      /**
       * Pure: update operators for one document, or null to leave it. A batch may be replayed. What the document
       * holds and the operators do not change keeps its bytes: also an object of the document that is put elsewhere.
       */
      readonly change: (document: StepDocument) => UpdateFilter<Document> | null;
      /**
       * "plain" (as a rule) promotes numbers, as the driver does. A number that was read as a Long or a Double and is
       * returned where its type cannot be known is refused, with the document's id. "bson" hands out the
       * driver's wrappers (Int32, Double, Long, BSONRegExp, …), which keep their types.
       */
      readonly types?: "plain" | "bson";
    };

/** The operations on a collection inside a step's transaction. The session is joined by itself. */
export interface StepCollection {
  find(filter?: Filter<Document>): { toArray(): Promise<Document[]> };
  findOne(filter: Filter<Document>): Promise<Document | null>;
  insertOne(document: Document): Promise<unknown>;
  insertMany(documents: readonly Document[]): Promise<unknown>;
  updateOne(
    filter: Filter<Document>,
    update: UpdateFilter<Document> | Document[],
  ): Promise<unknown>;
  updateMany(
    filter: Filter<Document>,
    update: UpdateFilter<Document> | Document[],
  ): Promise<unknown>;
  replaceOne(filter: Filter<Document>, document: Document): Promise<unknown>;
  deleteOne(filter: Filter<Document>): Promise<unknown>;
  deleteMany(filter: Filter<Document>): Promise<unknown>;
  countDocuments(filter?: Filter<Document>): Promise<number>;
  distinct(field: string, filter?: Filter<Document>): Promise<unknown[]>;
  aggregate(pipeline: readonly Document[]): { toArray(): Promise<Document[]> };
}

/** A database as a step sees it: no client, no other database. */
export interface StepDatabase {
  collection(name: string): StepCollection;
}

/** Options of a new collection: those whose change a restore can take back by a swap. */
export interface CollectionOptions {
  /** What each document has to match. Default: anything goes. */
  readonly validator?: Readonly<Document>;
  /** Which writes are checked. Default: "strict", all of them. */
  readonly validationLevel?: "strict" | "moderate" | "off";
  /** What happens to a document that does not match. Default: "error", it is refused. */
  readonly validationAction?: "error" | "warn";
  /** Default: none, texts are compared byte by byte. */
  readonly collation?: Readonly<CollationOptions>;
  /** Default: none, the collection has an index on `_id` beside it. */
  readonly clusteredIndex?: Readonly<Document>;
  /** In seconds; for a clustered collection. Default: documents do not expire. */
  readonly expireAfterSeconds?: number;
  /** Default: not enabled. */
  readonly changeStreamPreAndPostImages?: { readonly enabled: boolean };
}

/** The check of a collection's documents, and the consequence for a document that fails it. */
export interface ValidatorOptions {
  /** Which writes are checked. Default: "strict". */
  readonly level?: "strict" | "moderate" | "off";
  /** What happens to a document that does not match. Default: "error". */
  readonly action?: "error" | "warn";
}

/** How one field is indexed. */
export type IndexKind = 1 | -1 | "text" | "2dsphere" | "2d" | "hashed";

/** Fields in their order; as pairs where a field's name looks like an integer. */
export type IndexKeys =
  | Readonly<Record<string, IndexKind>>
  | readonly (readonly [string, IndexKind])[];

export interface IndexOptions {
  readonly name: string;
  /** Default: false. */
  readonly unique?: boolean;
  /** Leaves out documents without the field. Default: false. */
  readonly sparse?: boolean;
  /** Keeps queries from using it. Default: false. */
  readonly hidden?: boolean;
  /** In seconds. Default: documents do not expire. */
  readonly expireAfterSeconds?: number;
  /** Which documents are indexed. Default: all. */
  readonly partialFilterExpression?: Readonly<Document>;
  /** Default: the collection's. */
  readonly collation?: Readonly<CollationOptions>;
  /** Of the fields of a text index. Default: 1 for each. */
  readonly weights?: Readonly<Record<string, number>>;
  /** Of a text index. Default: "english". */
  readonly default_language?: string;
  /** Of a wildcard index over all fields. Default: all of them. */
  readonly wildcardProjection?: Readonly<Document>;
}

/**
 * What a schema step gets. Each call is one operation, numbered in order: after a takeover the step
 * runs again from its start, operations that are done are skipped, and the one under way goes on
 * after its last committed batch, on the collection that was there when it began. So a step must ask
 * for the same operations each time, and await each.
 *
 * Every operation throws LockstepError `schema-conflict` when the database is not as it expects:
 * among others for a capped collection, a time series or a view, and for a name that an earlier
 * operation has dropped or renamed away.
 */
export interface SchemaContext {
  /**
   * Creates a collection. Replay: it is created with the end of the operation or not at all; one
   * that exists is a success if the server means the same by its options.
   */
  addCollection(name: string, options?: CollectionOptions): Promise<void>;
  /** Drops a collection. Replay: only the one that was there at first; none is a success. */
  dropCollection(name: string): Promise<void>;
  /** Renames a collection. Replay: the new name with the old one's UUID is a success. */
  renameCollection(from: string, to: string): Promise<void>;
  /** Sets or (with null) removes the validator; documents that are there are not checked. Replay: set again. */
  setValidator(
    collection: string,
    validator: Readonly<Document> | null,
    options?: ValidatorOptions,
  ): Promise<void>;
  /**
   * Builds an index and waits for a majority. Where the data does not allow it, up to ten documents are named.
   * Replay: an index of this name is a success if the server means the same by it.
   */
  addIndex(collection: string, keys: IndexKeys, options: IndexOptions): Promise<void>;
  /** Drops an index by its name. Replay: none is a success. */
  dropIndex(collection: string, name: string): Promise<void>;
  /**
   * Renames a field (or a dotted path) in every document that has it, batch by fenced batch, as `$rename` does: the
   * value moves with its type to the end of its new place, documents are made on the way to it, nothing is
   * overwritten. Where both paths begin with the same arrays ("items.old" to "items.new"), each element is
   * changed. A document for which that has no one meaning is named before anything is written: another
   * array on the way, an index of an array, something that is no document on the way to the new place, both fields,
   * a name that is there twice, more than 16 MB afterwards. Replay: as applyToCollection.
   * @throws LockstepError `schema-conflict` with up to ten documents; `bad-argument` for a path with `$`, for
   *   `_id`, and for a field within the other
   */
  renameField(collection: string, from: string, to: string): Promise<void>;
  /**
   * Removes a field (or a dotted path), batch by fenced batch, from each element of the arrays on its way. A document
   * in which a number of the path may be an index of an array, or a name of it is there twice, is named before
   * anything is written. Replay: as applyToCollection.
   * @throws LockstepError `schema-conflict` with up to ten documents; `bad-argument` for a path with `$` and for `_id`
   */
  removeField(collection: string, field: string): Promise<void>;
  /**
   * Changes documents in `_id` order over all types of `_id`, in fenced batches of at most 1,000
   * documents. Batches are smaller where documents are large (about 4 MB by their average), where `change`
   * is slow (half a second of computing), and while the server ends their transactions for their duration.
   * A document on which it fails is named, up to ten of them. Replay: each batch takes effect exactly once;
   * a batch that was not committed is computed again, so `change` must be pure.
   */
  applyToCollection(collection: string, application: Application): Promise<void>;
  /** One fenced transaction; at most 60 s and 16 MB. Replay: its body may run again, its effect counts once. */
  transaction(body: (database: StepDatabase) => Promise<void>): Promise<void>;
  /** When the upgrade was accepted: equal on each attempt, in rehearsal and migration. */
  readonly now: Date;
  /** A stable id made of the upgrade, the step and the seed. */
  id(seed: string): ObjectId;
  /** Aborts when mastership is lost; a step that ignores it makes its process leave. */
  readonly signal: AbortSignal;
  readonly log: Log;
}
