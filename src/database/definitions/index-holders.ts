import type { Document } from "mongodb";
import { limits } from "../../limits.ts";
import { fieldAt } from "../../mongo/bson/elements.ts";
import { idText } from "../../mongo/bson/typed-bytes.ts";
import { hasCode, serverErrors } from "../../mongo/server-errors.ts";
import { batchSizeOf } from "../documents/batches/read-batch.ts";
import type { Runner } from "../migration/runner.ts";
import type { IndexOptions } from "../migration/schema-context.ts";
import { type Duplicate, pathsTo } from "./index-duplicates.ts";
import { type Refusal, type TrialIndex, tryIndex } from "./index-trial.ts";

/**
 * The filter for documents for which an index may hold null: the field is missing, or an element on the path is no
 * document.
 */
function mayHoldNull(field: string): Document {
  const above = pathsTo(field).slice(0, -1);
  const noDocument = { $not: { $type: "object" } };
  return {
    $or: [
      { [field]: null },
      ...above.flatMap((path) => [
        { [path]: { $size: 0 } },
        { [path]: { $elemMatch: noDocument } },
        { [path]: { $exists: true, ...noDocument } },
      ]),
    ],
  };
}

/** The filter for documents for which an index may hold this value. Pure. */
function mayHold(field: string, value: unknown): Document {
  // The server indexes an empty array as undefined, which no filter may name.
  if (value === undefined) return { [field]: { $size: 0 } };
  return value === null ? mayHoldNull(field) : { [field]: { $eq: value } };
}

const isDuplicate = (refusal: Refusal | null): refusal is Refusal =>
  refusal !== null && refusal.at >= 0 && refusal.code === serverErrors.duplicateKey;

/** Finds the documents among these that share a key of the index with one another. */
async function holders(
  runner: Runner,
  index: TrialIndex,
  documents: readonly Uint8Array[],
): Promise<{ readonly keyValue: Document; readonly documents: readonly Uint8Array[] } | null> {
  const refusal = await tryIndex(runner, index, documents);
  if (!isDuplicate(refusal)) return null;
  const second = documents[refusal.at] as Uint8Array;
  const before = documents.slice(0, refusal.at);
  const other = await tryIndex(runner, index, [second, ...before]);
  if (!isDuplicate(other)) return null;
  const found = [before[other.at - 1] as Uint8Array, second];
  const keyValue = other.keyValue ?? {};
  const key = JSON.stringify(keyValue);
  let left = documents.slice(refusal.at + 1);
  for (let look = 0; look < 2 * limits.offendingDocumentsMax; look += 1) {
    const next = await tryIndex(runner, index, [second, ...left]);
    if (!isDuplicate(next) || found.length >= limits.offendingDocumentsMax) break;
    // Some of these documents may share another key.
    if (JSON.stringify(next.keyValue ?? {}) === key) found.push(left[next.at - 1] as Uint8Array);
    left = left.toSpliced(next.at - 1, 1);
  }
  return { keyValue, documents: found };
}

/**
 * Finds documents that share a key of a unique index, where only the index itself can tell: the key may be an element
 * of an array, a word, a place on the earth, or a text by its collation.
 */
export async function sharedKey(
  runner: Runner,
  collection: string,
  { partialFilterExpression }: IndexOptions,
  index: TrialIndex,
  keyValue: Document,
): Promise<Duplicate> {
  const { options } = runner;
  const { documents: size } = await batchSizeOf(runner, collection);
  const partial = partialFilterExpression ? [partialFilterExpression] : [];
  const likely = Object.entries(keyValue).map(([field, value]) => mayHold(field, value));
  // The key may say nothing about the documents, so any document is a candidate after the likely ones.
  for (const filters of [likely, []]) {
    const filter = [...filters, ...partial];
    const found = (await options.client
      .db(options.databaseName)
      .collection(collection)
      .find((filter.length === 0 ? {} : { $and: filter }) as Document, { raw: true })
      .sort({ _id: 1 })
      .limit(size)
      .toArray()
      .catch((error: unknown) => {
        // Some keys are no values that a filter takes.
        if (hasCode(error, serverErrors.badValue)) return [];
        throw error;
      })) as unknown as readonly Uint8Array[];
    const shared = await holders(runner, index, found);
    if (shared === null) continue;
    return {
      value: withEmptyArrays(shared.keyValue),
      documents: shared.documents.map((bytes) => idText(fieldAt(bytes, "_id"))),
    };
  }
  return { value: withEmptyArrays(keyValue), documents: [] };
}

/** Replaces undefined, which is the key of an empty array and has no text. */
function withEmptyArrays(keyValue: Document): Document {
  return Object.fromEntries(
    Object.entries(keyValue).map(([field, value]) => [field, value === undefined ? [] : value]),
  );
}
