import {
  type AggregationCursor,
  BSON,
  type ClientSession,
  type Collection,
  type Db,
  type Document,
  type Filter,
  type FindCursor,
  MongoBulkWriteError,
  type MongoServerError,
} from "mongodb";
import { isLockstepError, LockstepError } from "../../errors.ts";
import { fieldAt } from "../../mongo/bson/elements.ts";
import { ownValues } from "../../mongo/bson/own-values.ts";
import { idText } from "../../mongo/bson/typed-bytes.ts";
import type { Described } from "../../mongo/catalogue/catalogue.ts";
import { hasCode, serverErrors } from "../../mongo/server-errors.ts";
import { requirePlain, schemaConflict } from "../definitions/define.ts";
import { DocumentReading } from "../documents/read-document.ts";
import { TypesRead } from "../documents/values/types-read.ts";
import type { StepCollection, StepDatabase } from "./schema-context.ts";
import { requireCollectionName } from "./step-arguments.ts";
import { joinedBy, requireRead } from "./step-reads.ts";

/**
 * A document as the body of a transaction gets it: plain, and whole, since it may write back all of it.
 * @throws LockstepError `step-failed` with its id, where JavaScript cannot hold a value of it
 */
function held(collection: string, bytes: Uint8Array, types: TypesRead): Document {
  try {
    return types.copy(collection, new DocumentReading(bytes, "plain"));
  } catch (error) {
    if (!isLockstepError(error)) throw error;
    const id = idText(fieldAt(bytes, "_id"));
    throw new LockstepError(
      error.code,
      `document ${id} of "${collection}", which the transaction reads: ${error.message}`,
      { ...error.details, collection, documents: [{ id }] },
    );
  }
}

/** Names the document that a validator refuses. Any other error stays as it is. */
function withDocument(collection: string, error: unknown): unknown {
  if (!hasCode(error, serverErrors.documentValidationFailure)) return error;
  const { errInfo, message } = error as MongoServerError;
  const first = error instanceof MongoBulkWriteError ? [error.writeErrors].flat()[0] : undefined;
  const refused = (first?.errInfo ?? errInfo)?.["failingDocumentId"];
  if (refused === undefined) return error;
  const id = idText(fieldAt(BSON.serialize({ _id: refused }), "_id"));
  return new LockstepError(
    "step-failed",
    `the validator of "${collection}" refuses document ${id}, which the transaction writes: ${message}`,
    { collection, documents: [{ id, error: message }] },
    { cause: error },
  );
}

/** @param allow refuses a collection that a step must not use */
function stepCollection(
  collection: Collection<Document>,
  session: ClientSession,
  types: TypesRead,
  allow: (joined?: readonly string[]) => Promise<void>,
): StepCollection {
  const raw = { session, raw: true };
  const read = async (
    cursor: FindCursor | AggregationCursor,
    joined: readonly string[] = [],
  ): Promise<Document[]> => {
    await allow(joined);
    const found = (await cursor.toArray()) as unknown as readonly Uint8Array[];
    return found.map((bytes) => held(collection.collectionName, bytes, types));
  };
  const allowed =
    <Given extends unknown[], Result>(act: (...given: Given) => Promise<Result>) =>
    async (...given: Given): Promise<Result> => {
      await allow();
      return act(...(given.map(ownValues) as Given)).catch((error: unknown) => {
        throw withDocument(collection.collectionName, error);
      });
    };
  const found = (filter: Filter<Document>) =>
    collection.find(ownValues(filter) as Filter<Document>, raw);
  const replaceOne = allowed((filter: Filter<Document>, document: Document) =>
    collection.replaceOne(filter, document, { session }),
  );
  return {
    find: (filter = {}) => ({ toArray: () => read(found(filter)) }),
    findOne: async (filter) => (await read(found(filter).limit(1)))[0] ?? null,
    insertOne: allowed((document) => collection.insertOne(document, { session })),
    insertMany: allowed((documents) => collection.insertMany([...documents], { session })),
    updateOne: allowed((filter, update) => collection.updateOne(filter, update, { session })),
    updateMany: allowed((filter, update) => collection.updateMany(filter, update, { session })),
    replaceOne: async (filter, document) =>
      replaceOne(filter, types.withTypes(collection.collectionName, filter, document)),
    deleteOne: allowed((filter) => collection.deleteOne(filter, { session })),
    deleteMany: allowed((filter) => collection.deleteMany(filter, { session })),
    countDocuments: allowed((filter = {}) => collection.countDocuments(filter, { session })),
    distinct: allowed((field, filter = {}) => collection.distinct(field, filter, { session })),
    aggregate: (pipeline) => ({
      toArray: () => {
        const own = ownValues([...pipeline]) as Document[];
        return read(collection.aggregate(own, raw), joinedBy(own));
      },
    }),
  };
}

/** A database in one transaction. It gives no way to the client, to another database, or to a reserved collection. */
export function stepDatabase(
  database: Db,
  session: ClientSession,
  {
    find,
    dropped,
    reads,
  }: {
    readonly find: (name: string) => Promise<Described | undefined>;
    readonly dropped: readonly string[];
    /** The collections that the step's `reads` names. Default: any. */
    readonly reads: readonly string[] | undefined;
  },
): StepDatabase {
  const types = new TypesRead();
  return {
    collection(name) {
      requireCollectionName("transaction", name);
      return stepCollection(database.collection(name), session, types, async (joined = []) => {
        for (const each of [name, ...joined]) requireRead(reads, each);
        const entry = await find(name);
        if (entry) requirePlain(entry, name);
        if (name.startsWith("system.") || (!entry && dropped.includes(name))) {
          throw schemaConflict(
            `a step must not use "${name}", since it belongs to the server or was dropped before: use another name`,
          );
        }
      });
    },
  };
}
