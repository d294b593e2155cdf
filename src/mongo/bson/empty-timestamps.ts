import { type Document, type MongoClient, Timestamp, type UUID } from "mongodb";
import { assert } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { fieldAt, hasType, type TypedBytes } from "./elements.ts";
import { bsonType, type RawField, rawFields } from "./raw-bson.ts";
import { sentAs } from "./typed-bytes.ts";

interface Emptied {
  readonly id: TypedBytes;
  readonly fields: readonly string[];
}

const isEmptyTimestamp = ({ type, value }: TypedBytes) =>
  type === bsonType.timestamp && value.every((byte) => byte === 0);

/** The fields at the top of a document that hold an empty timestamp. Pure. */
export function emptyTimestampsIn(document: Uint8Array): readonly RawField[] {
  return hasType(document, bsonType.timestamp) ? rawFields(document).filter(isEmptyTimestamp) : [];
}

/** The documents of a batch with an empty timestamp at their top, other than `_id`. Pure. */
function emptyTimestamps(batch: Uint8Array): readonly Emptied[] {
  const view = new DataView(batch.buffer, batch.byteOffset, batch.byteLength);
  const found: Emptied[] = [];
  for (let start = 0; start < batch.length; ) {
    const end = start + view.getInt32(start, true);
    assert(end > start && end <= batch.length, "a batch is whole documents", { start, end });
    const bytes = batch.subarray(start, end);
    const emptied = emptyTimestampsIn(bytes).map(({ name }) => name);
    const id = emptied.length > 0 ? fieldAt(bytes, "_id") : undefined;
    if (id) found.push({ id, fields: emptied.filter((name) => name !== "_id") });
    start = end;
  }
  return found;
}

/** True for a name that `$set` takes literally. A field with any other name keeps what the insert made of it. */
const isSettable = (name: string) => name !== "" && !name.startsWith("$") && !name.includes(".");

/**
 * Restores empty timestamps after an insert. At the top of a document, an insert puts the present time in place of an
 * empty timestamp. `$set` does not, and it keeps the field's place. (On the primary a pipeline does not either, but
 * it may be replicated as a replacement, and then each secondary puts the time there.) It is idempotent.
 */
export async function keepEmptyTimestamps(
  client: MongoClient,
  databaseName: string,
  into: { readonly name: string; readonly collectionUUID?: UUID },
  batch: Uint8Array,
): Promise<void> {
  const updates = emptyTimestamps(batch).flatMap(({ id, fields }) => {
    const settable = fields.filter(isSettable).map((name) => [name, new Timestamp(0n)] as const);
    return settable.length === 0
      ? []
      : [{ q: { _id: sentAs("_id", id) }, u: { $set: new Map(settable) } }];
  });
  if (updates.length === 0) return;
  const { name, ...identity } = into;
  const answer: Document = await client.db(databaseName).command({
    update: name,
    ...identity,
    updates,
    bypassDocumentValidation: true,
    writeConcern: { w: "majority", j: true },
  });
  const errors = (answer["writeErrors"] ?? []) as readonly Document[];
  assert(errors.length === 0 && answer["n"] === updates.length, "what was inserted is there", {
    collection: name,
    expected: updates.length,
    got: answer["n"],
    errors: errors.slice(0, limits.offendingDocumentsMax),
  });
}
