import { type ClientSession, type Document, type Filter, MaxKey } from "mongodb";
import { type BatchSize, firstBatchSize } from "./batch-size.ts";
import type { CollectionChange } from "./collection-change.ts";
import { bsonType } from "./raw-bson.ts";
import type { Runner } from "./runner.ts";
import { hasCode, serverErrors } from "./server-errors.ts";
import { fieldAt, isEqual, sentAs, type TypedBytes } from "./typed-bytes.ts";

/** The documents of a batch in `_id` order, each with its bytes: whole where they are changed one by one. */
export type Batch = readonly { readonly id: TypedBytes; readonly bytes: Uint8Array }[];

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

/**
 * Reads the next documents after an `_id`, in `_id` order over all types of `_id`. The ids stay bytes:
 * a text or a value of JavaScript does not tell all of them apart.
 */
export async function readBatch(
  { options }: Runner,
  collection: string,
  change: CollectionChange,
  last: TypedBytes | null,
  size: number,
  session?: ClientSession,
): Promise<Batch> {
  if (last?.type === bsonType.maxKey) return [];
  const find = (filter: Filter<Document>) =>
    options.client
      .db(options.databaseName)
      .collection(collection)
      .find(filter, {
        raw: true,
        ...(session ? { session } : {}),
        ...("changeOf" in change ? {} : { projection: { _id: 1 } }),
      })
      .hint({ _id: 1 });
  // One more than wanted: the last one is found again, unless its change has taken it out of the filter.
  let next = find(change.filter)
    .sort({ _id: 1 })
    .limit(size + 1)
    .batchSize(size + 2);
  // `$gt` would stay within one BSON type; `min` walks the index across all of them.
  if (last !== null) next = next.min({ _id: sentAs("_id", last) });
  const batch = batchOf(await next.toArray()).filter(({ id }) => !isEqual(id, last));
  if (batch.length >= size || last === null || batch.at(-1)?.id.type === bsonType.maxKey) {
    return batch.slice(0, size);
  }
  // A walk from `min` on ends before the greatest value of all.
  const greatest = find({ $and: [change.filter, { _id: { $eq: new MaxKey() as never } }] });
  return [...batch, ...batchOf(await greatest.toArray())];
}

function batchOf(found: readonly Document[]): Batch {
  return (found as unknown as readonly Uint8Array[]).map((bytes) => ({
    id: fieldAt(bytes, "_id") as TypedBytes,
    bytes,
  }));
}
