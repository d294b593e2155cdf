import { type Document, MongoServerError } from "mongodb";
import type { LockstepError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import type { TypedBytes } from "../../mongo/bson/elements.ts";
import type { RawField } from "../../mongo/bson/raw-bson.ts";
import { idText } from "../../mongo/bson/typed-bytes.ts";
import { withoutFields } from "../../mongo/catalogue/definition.ts";
import { inheritedCollation } from "../../mongo/catalogue/same-definition.ts";
import { hasCode, serverErrors } from "../../mongo/server-errors.ts";
import { isEndedByServer, isNetworkTrouble } from "../../mongo/transient.ts";
import { type Batch, batchSizeOf, readBatch } from "../documents/batches/read-batch.ts";
import type { DocumentChange } from "../documents/collection-change.ts";
import type { Runner } from "../migration/runner.ts";
import type { IndexOptions } from "../migration/schema-context.ts";
import { entryOf, schemaConflict } from "./define.ts";
import { duplicatesOf, notUnique, pathsTo } from "./index-duplicates.ts";
import { sharedKey } from "./index-holders.ts";
import { type TrialIndex, tryIndex } from "./index-trial.ts";

/** An index whose build has failed. */
export interface FailedIndex {
  readonly asked: Uint8Array;
  readonly key: ReadonlyMap<string, unknown>;
  readonly index: IndexOptions;
  /** The collation that was asked for, as the server completes it. It is undefined where none was. */
  readonly collation: RawField | null | undefined;
}

/** The server's errors for which no document is to blame, and which a second look would meet again. */
const otherReasons = [
  ...[
    serverErrors.unauthorized,
    serverErrors.namespaceNotFound,
    serverErrors.collectionUuidMismatch,
  ],
  serverErrors.outOfDiskSpace,
];

/** The filter for documents that can be at fault. Two errors come from arrays alone. */
function suspects(key: ReadonlyMap<string, unknown>, cause: unknown): Document {
  const isOfArrays = hasCode(cause, serverErrors.parallelArrays, serverErrors.hashedArray);
  if (!isOfArrays) return {};
  const paths = [...key.keys()].flatMap(pathsTo);
  return { $or: paths.map((path) => ({ [path]: { $type: "array" } })) };
}

/** Finds the documents that the index refuses, each by itself. */
async function documentsRefused(
  runner: Runner,
  collection: string,
  index: TrialIndex,
  filter: Document,
): Promise<readonly { readonly id: string; readonly error: string }[]> {
  const { clock } = runner.options;
  const untilMs = clock.monotonicMs() + limits.offenderLookMs;
  const found: { id: string; error: string }[] = [];
  const isOver = () =>
    found.length >= limits.offendingDocumentsMax || clock.monotonicMs() > untilMs;
  const { documents: size } = await batchSizeOf(runner, collection);
  // Whole documents are read, as for a change one by one.
  const change: DocumentChange = { filter, changeOf: () => null };
  let last: TypedBytes | null = null;
  while (!isOver()) {
    const batch: Batch = await readBatch(runner, collection, change, last, size);
    if (batch.length === 0) break;
    let left = batch;
    while (left.length > 0 && !isOver()) {
      const refusal = await tryIndex(
        runner,
        index,
        left.map(({ bytes }) => bytes),
      );
      if (refusal === null || refusal.at < 0) break;
      found.push({ id: idText(left[refusal.at]?.id), error: refusal.error });
      left = left.slice(refusal.at + 1);
    }
    last = batch.at(-1)?.id ?? null;
  }
  return found;
}

/** Finds the values that a unique index refuses, and their documents. */
async function notUniqueError(
  runner: Runner,
  collection: string,
  { key, index }: FailedIndex,
  trial: TrialIndex,
  cause: MongoServerError,
): Promise<LockstepError> {
  const fields = [...key.keys()];
  const isOfValues = [...key.values()].every((kind) => typeof kind === "number");
  const plain = isOfValues ? await duplicatesOf(runner, collection, fields, index) : [];
  if (plain.length > 0) return notUnique(collection, index.name, plain);
  const keyValue = (cause["keyValue"] as Document | undefined) ?? {};
  const shared = await sharedKey(runner, collection, index, trial, keyValue);
  return notUnique(collection, index.name, [shared]);
}

/**
 * Searches the documents on which the build of an index has failed. Only the build decides whether the data allows
 * the index: this look names documents and commits nothing.
 * @returns the error that names up to ten of them, or the given error where no document is to blame
 */
export async function blameForIndex(
  runner: Runner,
  collection: string,
  failed: FailedIndex,
  cause: unknown,
): Promise<unknown> {
  const isRefusal = cause instanceof MongoServerError && !isNetworkTrouble(cause);
  if (!isRefusal || isEndedByServer(cause) || hasCode(cause, ...otherReasons)) return cause;
  const entry = await entryOf(runner, collection);
  if (entry === undefined) return cause;
  const trial = { definition: failed.asked, collation: inheritedCollation(entry.options) };
  try {
    if (hasCode(cause, serverErrors.duplicateKey)) {
      return await notUniqueError(runner, collection, failed, trial, cause);
    }
    // An index that the server refuses without documents is wrong in itself.
    if ((await tryIndex(runner, trial, [])) !== null) return cause;
    const each = { ...trial, definition: withoutFields(failed.asked, ["unique"]) };
    const filter = suspects(failed.key, cause);
    const documents = await documentsRefused(runner, collection, each, filter);
    if (documents.length === 0) return cause;
    const named = documents.map(({ id, error }) => `${id} (${error})`).join(", ");
    return schemaConflict(
      `index "${failed.index.name}" of "${collection}" cannot be built, these documents do not allow it: ${named}: change or remove them first`,
      { collection, documents },
    );
  } catch (error) {
    if (isEndedByServer(error)) return cause;
    throw error;
  }
}
