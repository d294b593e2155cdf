import {
  type AnyBulkWriteOperation,
  BSON,
  type ClientSession,
  type Document,
  type Filter,
} from "mongodb";
import { assert, LockstepError, messageOf } from "../errors.ts";
import { limits } from "../limits.ts";
import { fencedTransaction } from "./fenced-transaction.ts";
import { orderedField } from "./ordered-bson.ts";
import type { Progress } from "./progress.ts";
import { type Runner, startersAfterCommit } from "./runner.ts";
import type { Application, StepDocument } from "./schema-context.ts";
import { hasCode, serverErrors } from "./server-errors.ts";

interface Batch {
  readonly ids: readonly unknown[];
  /** Whole ones, where a function changes them; in the order of the ids. */
  readonly documents: readonly Document[];
}

/** How many documents of a collection make a batch, by their average size: a batch is one transaction. */
async function batchSizeOf({ options }: Runner, collection: string): Promise<number> {
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
  const fitting = Math.floor(limits.batchBytesMax / Math.max(1, Number(stats?.bytes ?? 1)));
  return Math.min(limits.batchDocumentsMax, Math.max(1, fitting));
}

/** Reads the next documents after the cursor, in `_id` order over all types of `_id`. */
async function readBatch(
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

function changesOf(
  { ids, documents }: Batch,
  change: (document: StepDocument) => Document | null,
): AnyBulkWriteOperation<Document>[] {
  return documents.flatMap((document, index) => {
    const update = change(document);
    const filter = { _id: ids[index] as never };
    return update === null ? [] : [{ updateOne: { filter, update } }];
  });
}

/** What was read in a transaction is there to be written in it: an id that names nothing is a defect of ours. */
function assertMatched(expected: number, got: number): void {
  assert(got === expected, "each document of a batch is found by its id", { expected, got });
}

/** Names the documents on which the function throws, looking through the rest without writing. */
async function offendersFrom(
  runner: Runner,
  collection: string,
  application: Application & { change: (document: StepDocument) => Document | null },
): Promise<readonly { readonly id: string; readonly error: string }[]> {
  const offenders: { id: string; error: string }[] = [];
  let { cursor } = runner.progress;
  const size = await batchSizeOf(runner, collection);
  for (;;) {
    runner.options.signal.throwIfAborted();
    const batch = await readBatch(runner, collection, application, cursor, size);
    for (const document of batch.documents) {
      try {
        application.change(document);
      } catch (error) {
        offenders.push({ id: idText(document["_id"]), error: messageOf(error) });
        if (offenders.length >= limits.offendingDocumentsMax) return offenders;
      }
    }
    if (batch.ids.length === 0) return offenders;
    cursor = { last: batch.ids.at(-1) };
  }
}

class ChangeFailed extends Error {}

/** Applies one operation to a collection, batch by fenced batch, from the cursor on. */
export async function applyBatches(
  runner: Runner,
  collection: string,
  application: Application,
): Promise<void> {
  const { options } = runner;
  const target = options.client.db(options.databaseName).collection(collection);
  const size = await batchSizeOf(runner, collection);
  let changed = 0;
  for (let read = -1; read !== 0; ) {
    const { progress } = runner;
    try {
      const moved = await fencedTransaction(
        options,
        `${options.progressField}-batch`,
        { field: options.progressField, ticks: progress.ticks },
        async (session) => {
          const { cursor } = progress;
          const batch = await readBatch(runner, collection, application, cursor, size, session);
          let operations: AnyBulkWriteOperation<Document>[] = [];
          if ("change" in application) {
            try {
              operations = changesOf(batch, application.change);
            } catch (error) {
              throw new ChangeFailed(messageOf(error), { cause: error });
            }
          }
          const empty = batch.ids.length === 0;
          const after: Progress = empty
            ? progress
            : {
                ...progress,
                cursor: { last: batch.ids.at(-1) },
                batches: progress.batches + 1,
                documents: progress.documents + batch.ids.length,
                starters: startersAfterCommit(runner),
              };
          return { prepared: { batch, operations, after }, progress: { ...after } };
        },
        async (session, { batch, operations }) => {
          // Of the attempt that is committed.
          changed = 0;
          if (batch.ids.length === 0) return;
          if ("update" in application) {
            const _id = { $in: batch.ids as never[] };
            const result = await target.updateMany({ _id }, [...application.update], { session });
            assertMatched(batch.ids.length, result.matchedCount);
            changed = result.modifiedCount;
          } else if (operations.length > 0) {
            const result = await target.bulkWrite(operations, { session, ordered: true });
            assertMatched(operations.length, result.matchedCount);
            changed = result.modifiedCount;
          }
        },
      );
      read = moved.batch.ids.length;
      runner.changed += changed;
      runner.progress = { ...moved.after, ticks: progress.ticks + 1 };
    } catch (error) {
      if (!(error instanceof ChangeFailed) || !("change" in application)) throw error;
      const documents = await offendersFrom(runner, collection, application);
      const named = documents.map(({ id, error: why }) => `${id} (${why})`).join(", ");
      throw new LockstepError(
        "step-failed",
        `it fails on ${documents.length} or more documents of "${collection}": ${named}`,
        { collection, documents },
      );
    }
  }
}
