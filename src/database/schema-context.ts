import type { ClientSession, Document, Filter, ObjectId, UpdateFilter } from "mongodb";
import type { Log } from "../log.ts";

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
      /** Pure: update operators for one document, or null to leave it. A batch may be replayed. */
      readonly change: (document: StepDocument) => UpdateFilter<Document> | null;
    };

/** What a step may do with a collection inside its transaction; the session is joined for it. */
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

/**
 * What a schema step gets. Each call is one operation, numbered in order: after a takeover the step
 * runs again from its start, operations that are done are skipped, and the one under way goes on
 * after its last committed batch. So a step must ask for the same operations each time.
 */
export interface SchemaContext {
  /** Creates a collection; one that exists with equal options is a success. */
  addCollection(name: string): Promise<void>;
  /**
   * Builds an index and waits for a majority; an equal one is a success.
   * @throws LockstepError `schema-conflict`: another index of this name, or duplicates, named
   */
  addIndex(
    collection: string,
    keys: Readonly<Record<string, 1 | -1>> | readonly (readonly [string, 1 | -1])[],
    options: { readonly name: string; readonly unique?: boolean },
  ): Promise<void>;
  /** Changes documents in `_id` order, batch by fenced batch; each batch takes effect once. */
  applyToCollection(collection: string, application: Application): Promise<void>;
  /** One fenced transaction; at most 60 s and 16 MB. Its body may run more than once. */
  transaction(
    body: (database: StepDatabase, session: ClientSession) => Promise<void>,
  ): Promise<void>;
  /** When the upgrade was accepted: equal on each attempt, in rehearsal and migration. */
  readonly now: Date;
  /** A stable id made of the upgrade, the step and the seed. */
  id(seed: string): ObjectId;
  /** Aborts when mastership is lost; a step that ignores it makes its process leave. */
  readonly signal: AbortSignal;
  readonly log: Log;
}
