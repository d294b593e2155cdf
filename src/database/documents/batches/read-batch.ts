import { type ClientSession, type Document, type Filter, type FindCursor, MaxKey } from "mongodb";
import { limits } from "../../../limits.ts";
import { fieldAt, type TypedBytes } from "../../../mongo/bson/elements.ts";
import { bsonType } from "../../../mongo/bson/raw-bson.ts";
import { isEqual, sentAs } from "../../../mongo/bson/typed-bytes.ts";
import { hasCode, serverErrors } from "../../../mongo/server-errors.ts";
import type { Runner } from "../../migration/runner.ts";
import type { CollectionChange } from "../collection-change.ts";
import { type BatchSize, firstBatchSize } from "./batch-size.ts";

/**
 * The documents of a batch in `_id` order, each with its bytes. The bytes are whole where documents change one by
 * one.
 */
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
      // A missing collection has nothing to change.
      if (hasCode(error, serverErrors.namespaceNotFound)) return [];
      throw error;
    });
  return firstBatchSize(Number(stats?.bytes ?? 1));
}

/**
 * Reads the next documents after an `_id`, in `_id` order over all types of `_id`. The ids stay bytes, since neither
 * a text nor a JavaScript value tells all of them apart.
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
  // Reads one more than wanted, since it finds the last document again unless that has left the filter.
  let next = find(change.filter)
    .sort({ _id: 1 })
    .limit(size + 1)
    .batchSize(size + 2);
  // `$gt` would stay within one BSON type; `min` walks the index across all of them.
  if (last !== null) next = next.min({ _id: sentAs("_id", last) });
  const { batch, isWhole } = await take(next, last, size);
  if (!isWhole || last === null || batch.at(-1)?.id.type === bsonType.maxKey) return batch;
  // A walk from `min` stops before the greatest value of all.
  const greatest = find({ $and: [change.filter, { _id: { $eq: new MaxKey() as never } }] });
  return [...batch, ...(await take(greatest, null, 1)).batch];
}

/**
 * The first documents of a cursor without the last one of the batch before. Large documents may lie together, so the
 * bytes end a batch, too: the average size would not bound memory.
 */
async function take(
  cursor: FindCursor<Document>,
  last: TypedBytes | null,
  size: number,
): Promise<{ readonly batch: Batch; readonly isWhole: boolean }> {
  const batch: Batch[number][] = [];
  let bytesRead = 0;
  for await (const document of cursor) {
    const bytes = document as unknown as Uint8Array;
    const id = fieldAt(bytes, "_id") as TypedBytes;
    if (isEqual(id, last)) continue;
    batch.push({ id, bytes });
    bytesRead += bytes.byteLength;
    if (batch.length >= size || bytesRead >= limits.batchBytesMax) {
      return { batch, isWhole: false };
    }
  }
  return { batch, isWhole: true };
}
