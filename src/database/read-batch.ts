import { BSON, type ClientSession, type Document, type Filter } from "mongodb";
import { type BatchSize, firstBatchSize } from "./batch-size.ts";
import { orderedField } from "./ordered-bson.ts";
import type { Progress } from "./progress.ts";
import type { Runner } from "./runner.ts";
import type { Application } from "./schema-context.ts";
import { hasCode, serverErrors } from "./server-errors.ts";

export interface Batch {
  readonly ids: readonly unknown[];
  /** Whole ones, where a function changes them; in the order of the ids. */
  readonly documents: readonly Document[];
}

/** The size of a collection's first batch, by the average size of its documents. */
export async function batchSizeOf({ options }: Runner, collection: string): Promise<BatchSize> {
  const [stats] = await options.client
    .db(options.databaseName)
    .collection(collection)
    .aggregate<{ bytes?: number }>([
      { $collStats: { storageStats: {} } },
      { $project: { bytes: "$storageStats.avgObjSize" } },
    ])
    .toArray()
    .catch((error: unknown) => {
      // One that is not there has nothing to change.
      if (hasCode(error, serverErrors.namespaceNotFound)) return [];
      throw error;
    });
  return firstBatchSize(Number(stats?.bytes ?? 1));
}

/** Reads the next documents after the cursor, in `_id` order over all types of `_id`. */
export async function readBatch(
  runner: Runner,
  collection: string,
  application: Application,
  cursor: Progress["cursor"],
  size: number,
  session?: ClientSession,
): Promise<Batch> {
  const { options } = runner;
  const whole = "change" in application;
  const wanted = application.filter ?? {};
  // The server leaves the last one out: no text of ours tells all ids apart.
  const filter = cursor === null ? wanted : { $and: [wanted, { _id: { $ne: cursor.last } }] };
  let find = options.client
    .db(options.databaseName)
    .collection(collection)
    .find(filter as Filter<Document>, {
      raw: true,
      ...(session ? { session } : {}),
      ...(whole ? {} : { projection: { _id: 1 } }),
    })
    .sort({ _id: 1 })
    .hint({ _id: 1 })
    .limit(size)
    .batchSize(size + 1);
  // `$gt` would stay within one BSON type; `min` walks the index across all of them.
  if (cursor !== null) find = find.min({ _id: cursor.last });
  const found = (await find.toArray()) as unknown as readonly Uint8Array[];
  return {
    // With their types, and nested keys in their order: each names exactly one document.
    ids: found.map((bytes) => orderedField(bytes, "_id")),
    documents: whole ? found.map((bytes) => BSON.deserialize(bytes)) : [],
  };
}

/** An `_id` as it is told to people. */
export function idText(id: unknown): string {
  const isPlainObject = typeof id === "object" && id !== null && !("_bsontype" in id);
  return isPlainObject && !(id instanceof Date) ? BSON.EJSON.stringify(id) : String(id);
}
