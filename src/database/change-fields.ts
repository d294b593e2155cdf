import type { Document, Filter } from "mongodb";
import { LockstepError } from "../errors.ts";
import { limits } from "../limits.ts";
import type { CollectionChange } from "./collection-change.ts";
import { conflict } from "./define.ts";
import type { Runner } from "./runner.ts";

function requireField(field: string): void {
  if (!/^[^$.][^.]*(\.[^$.][^.]*)*$/.test(field) || field === "_id") {
    throw new LockstepError(
      "bad-argument",
      `expected a field or a dotted path without "$", and not _id, got "${field}"`,
    );
  }
}

/** A renaming as an application; a document that has both fields is named, none is overwritten. */
export async function fieldRenaming(
  { options, progress }: Runner,
  collection: string,
  from: string,
  to: string,
): Promise<CollectionChange> {
  requireField(from);
  requireField(to);
  const both: Filter<Document> = { [from]: { $exists: true }, [to]: { $exists: true } };
  // Once a batch is committed, what has both fields is none of ours to judge: it is asked for at the start.
  const found =
    progress.cursor === null
      ? await options.client
          .db(options.databaseName)
          .collection(collection)
          .find(both, { projection: { _id: 1 } })
          .limit(limits.offendingDocumentsMax)
          .toArray()
      : [];
  if (found.length > 0) {
    const ids = found.map(({ _id }) => String(_id));
    throw conflict(
      `documents of "${collection}" have both "${from}" and "${to}": ${ids.join(", ")}: remove one of them first`,
      { collection, documents: ids.map((id) => ({ id })) },
    );
  }
  return {
    filter: { [from]: { $exists: true } },
    update: [{ $set: { [to]: `$${from}` } }, { $unset: from }],
  };
}

/** A removal as an application. Pure. */
export function fieldRemoval(field: string): CollectionChange {
  requireField(field);
  return { filter: { [field]: { $exists: true } }, update: [{ $unset: field }] };
}
