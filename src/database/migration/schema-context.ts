import type { CollationOptions, Document, ObjectId, UpdateFilter } from "mongodb";
import type { Log } from "../../log.ts";

/** A document as a step's pure function sees it. */
export type StepDocument = Readonly<Document>;

/** A filter of the server. Its `_id` has any type, which the driver's own `Filter` would refuse. */
export type StepFilter = Readonly<Document>;

/** The way in which `applyToCollection` changes documents: by a pipeline on the server, or one by one. */
export type Application =
  | {
      readonly filter?: StepFilter;
      /** An update pipeline, run on the server. */
      readonly update: readonly Document[];
    }
  | {
      readonly filter?: StepFilter;
      /**
       * Returns update operators for one document, or null to leave it. It must be pure, since a batch may be
       * replayed. Every part of the document that the operators do not change keeps its bytes, also an object that
       * they put elsewhere.
       */
      readonly change: (document: StepDocument) => UpdateFilter<Document> | null;
      /**
       * "plain" (as a rule) promotes numbers, as the driver does. A number that was read as a Long or a Double and is
       * returned where its type cannot be known is refused, with the document's id. "bson" hands out the
       * driver's wrappers (Int32, Double, Long, BSONRegExp, …), which keep their types.
       */
      readonly types?: "plain" | "bson";
    };

/** The operations on a collection inside a step's transaction. They join its session by themselves. */
export interface StepCollection {
  find(filter?: StepFilter): { toArray(): Promise<Document[]> };
  findOne(filter: StepFilter): Promise<Document | null>;
  insertOne(document: Document): Promise<unknown>;
  insertMany(documents: readonly Document[]): Promise<unknown>;
  updateOne(filter: StepFilter, update: UpdateFilter<Document> | Document[]): Promise<unknown>;
  updateMany(filter: StepFilter, update: UpdateFilter<Document> | Document[]): Promise<unknown>;
  replaceOne(filter: StepFilter, document: Document): Promise<unknown>;
  deleteOne(filter: StepFilter): Promise<unknown>;
  deleteMany(filter: StepFilter): Promise<unknown>;
  countDocuments(filter?: StepFilter): Promise<number>;
  distinct(field: string, filter?: StepFilter): Promise<unknown[]>;
  aggregate(pipeline: readonly Document[]): { toArray(): Promise<Document[]> };
}

/** The database inside a step's transaction. It gives no client and no other database. */
export interface StepDatabase {
  collection(name: string): StepCollection;
}

/** Options of a new collection. A restore can take back each of them by a swap. */
export interface CollectionOptions {
  /** The filter that each document has to match. Default: none. */
  readonly validator?: Readonly<Document>;
  /** Which writes are checked. Default: "strict", all of them. */
  readonly validationLevel?: "strict" | "moderate" | "off";
  /** The answer to a document that does not match. Default: "error", it is refused. */
  readonly validationAction?: "error" | "warn";
  /** The rules for comparing texts. Default: none, byte by byte. */
  readonly collation?: Readonly<CollationOptions>;
  /** The clustered index. Default: none, `_id` has an index of its own. */
  readonly clusteredIndex?: Readonly<Document>;
  /** The seconds after which documents of a clustered collection expire. Default: never. */
  readonly expireAfterSeconds?: number;
  /** True where change streams get documents before and after a change. Default: they do not. */
  readonly changeStreamPreAndPostImages?: { readonly enabled: boolean };
}

/** The check of a collection's documents, and the consequence for a document that fails it. */
export interface ValidatorOptions {
  /** Which writes are checked. Default: "strict". */
  readonly level?: "strict" | "moderate" | "off";
  /** The answer to a document that does not match. Default: "error". */
  readonly action?: "error" | "warn";
}

/** The kind of index on one field. */
export type IndexKind = 1 | -1 | "text" | "2dsphere" | "2d" | "hashed";

/** Fields in their order. Use pairs where a field's name looks like an integer. */
export type IndexKeys =
  | Readonly<Record<string, IndexKind>>
  | readonly (readonly [string, IndexKind])[];

export interface IndexOptions {
  readonly name: string;
  /** Refuses two documents with the same key. Default: false. */
  readonly unique?: boolean;
  /** Leaves out documents without the field. Default: false. */
  readonly sparse?: boolean;
  /** Keeps queries from using it. Default: false. */
  readonly hidden?: boolean;
  /** The seconds after which documents expire. Default: never. */
  readonly expireAfterSeconds?: number;
  /** The filter for the documents in the index. Default: all documents. */
  readonly partialFilterExpression?: Readonly<Document>;
  /** The rules for comparing texts. Default: the collection's. */
  readonly collation?: Readonly<CollationOptions>;
  /** The weights of the fields of a text index. Default: 1 for each. */
  readonly weights?: Readonly<Record<string, number>>;
  /** The language of a text index. Default: "english". */
  readonly default_language?: string;
  /** The fields of a wildcard index. Default: all of them. */
  readonly wildcardProjection?: Readonly<Document>;
}

/**
 * The operations of a schema step, numbered in their order. After a takeover the step runs again from its start.
 * Operations that are done are skipped. The operation under way continues after its last committed batch, on the
 * collection that was there when it began. So a step must ask for the same operations each time, and await each.
 * Every operation throws LockstepError `schema-conflict` when the database is not as it expects: among others for a
 * capped collection, a time series or a view, and for a name that an earlier operation has dropped or renamed.
 */
export interface SchemaContext {
  /**
   * Creates a collection. Replay: the operation's end and the collection come together or not at all; an existing one
   * is a success if the server means the same by its options.
   */
  addCollection(name: string, options?: CollectionOptions): Promise<void>;
  /** Drops a collection. Replay: it drops only the collection that was there at first; a missing one is a success. */
  dropCollection(name: string): Promise<void>;
  /** Renames a collection. Replay: the new name with the old one's UUID is a success. */
  renameCollection(from: string, to: string): Promise<void>;
  /** Sets the validator, or removes it with null. Existing documents are not checked. Replay: it is set again. */
  setValidator(
    collection: string,
    validator: Readonly<Document> | null,
    options?: ValidatorOptions,
  ): Promise<void>;
  /**
   * Builds an index and waits for a majority. Where the data does not allow it, the error names up to ten documents.
   * Replay: an index of this name is a success if the server means the same by it.
   */
  addIndex(collection: string, keys: IndexKeys, options: IndexOptions): Promise<void>;
  /** Drops an index by its name. Replay: a missing one is a success. */
  dropIndex(collection: string, name: string): Promise<void>;
  /**
   * Renames a field or a dotted path in every document that has it, batch by fenced batch, as `$rename` does. The
   * value moves with its type to the end of its new place. Missing documents on the new path are created, and nothing
   * is overwritten. Where both paths begin with the same arrays ("items.old" to "items.new"), each element changes. A
   * document for which the renaming has no single meaning is named before anything is written: one with another array
   * on the path, an index of an array, a value other than a document on the new path, both fields, a name that is
   * there twice, or more than 16 MB afterwards. Replay: as applyToCollection.
   * @throws LockstepError `schema-conflict` with up to ten documents; `bad-argument` for a path with `$`, for `_id`,
   *   and for a field within the other
   */
  renameField(collection: string, from: string, to: string): Promise<void>;
  /**
   * Removes a field or a dotted path, batch by fenced batch, from each element of the arrays on its path. A document
   * is named before anything is written where a number in the path may be an index of an array, or a name of the path
   * is there twice. Replay: as applyToCollection.
   * @throws LockstepError `schema-conflict` with up to ten documents; `bad-argument` for a path with `$` and for
   *   `_id`
   */
  removeField(collection: string, field: string): Promise<void>;
  /**
   * Changes documents in `_id` order over all types of `_id`, in fenced batches of at most 1,000 documents. Batches
   * are smaller where documents are large (about 4 MB by their average), where `change` is slow (half a second of
   * computing), and while the server ends long transactions. An error names up to ten documents on which it fails.
   * Replay: each batch takes effect exactly once; a batch that was not committed is computed again, so `change` must
   * be pure.
   */
  applyToCollection(collection: string, application: Application): Promise<void>;
  /**
   * Runs one fenced transaction of at most 60 s and 16 MB. Replay: its body may run again, and its effect counts
   * once.
   */
  transaction(body: (database: StepDatabase) => Promise<void>): Promise<void>;
  /** The time at which the upgrade was accepted. It is equal on each attempt, in rehearsal and migration. */
  readonly now: Date;
  /** A stable id made of the upgrade, the step and the seed. */
  id(seed: string): ObjectId;
  /** Aborts when mastership is lost. A step that ignores it ends its process. */
  readonly signal: AbortSignal;
  readonly log: Log;
}
