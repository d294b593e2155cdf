import { LockstepError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import type { TypedBytes } from "../../mongo/bson/elements.ts";
import { idText } from "../../mongo/bson/typed-bytes.ts";
import { schemaConflict } from "../definitions/define.ts";
import type { Runner } from "../migration/runner.ts";
import { type Batch, batchSizeOf, readBatch } from "./batches/read-batch.ts";
import type { DocumentChange } from "./collection-change.ts";
import { FieldRefused, removalOf, renamingOf } from "./move-field.ts";

/** Searches a collection for documents that a change refuses. It writes nothing. */
async function refusedBy(
  runner: Runner,
  collection: string,
  change: DocumentChange,
): Promise<readonly { readonly id: string; readonly error: string }[]> {
  const refused: { id: string; error: string }[] = [];
  const { documents: size } = await batchSizeOf(runner, collection);
  let last: TypedBytes | null = null;
  do {
    runner.options.signal.throwIfAborted();
    const batch: Batch = await readBatch(runner, collection, change, last, size);
    for (const { id, bytes } of batch) {
      try {
        change.changeOf(bytes);
      } catch (error) {
        if (!(error instanceof FieldRefused)) throw error;
        refused.push({ id: idText(id), error: error.message });
        if (refused.length >= limits.offendingDocumentsMax) return refused;
      }
    }
    last = batch.at(-1)?.id ?? null;
  } while (last !== null);
  return refused;
}

/**
 * A change of each document that has a field.
 * @throws LockstepError `schema-conflict` before anything is written, with the documents that have to be changed
 *   first
 */
async function fieldChange(
  runner: Runner,
  collection: string,
  field: string,
  changeOf: DocumentChange["changeOf"],
): Promise<DocumentChange> {
  // No filter of the server finds what lies in arrays of arrays.
  const change = { filter: { [field.split(".")[0] ?? ""]: { $exists: true } }, changeOf };
  // After a committed batch, all documents have been checked.
  if (runner.progress.cursor !== null) return change;
  const documents = await refusedBy(runner, collection, change);
  if (documents.length === 0) return change;
  const reasons = [...new Set(documents.map(({ error }) => error))].map((reason) => {
    const ids = documents.filter(({ error }) => error === reason).map(({ id }) => id);
    return `${reason}: ${ids.join(", ")}`;
  });
  throw schemaConflict(
    `"${field}" has no one meaning in documents of "${collection}", which have ${reasons.join("; ")}: change or remove those first, or change them by applyToCollection`,
    { collection, documents },
  );
}

/** The renaming of a field. It overwrites nothing. */
export function fieldRenaming(
  runner: Runner,
  collection: string,
  from: string,
  to: string,
): Promise<DocumentChange> {
  if (`${to}.`.startsWith(`${from}.`) || `${from}.`.startsWith(`${to}.`)) {
    throw new LockstepError(
      "bad-argument",
      `expected two fields of which none holds the other, got "${from}" and "${to}"`,
    );
  }
  return fieldChange(runner, collection, from, (bytes) => renamingOf(bytes, from, to));
}

/** The removal of a field. */
export function fieldRemoval(
  runner: Runner,
  collection: string,
  field: string,
): Promise<DocumentChange> {
  return fieldChange(runner, collection, field, (bytes) => removalOf(bytes, field));
}
