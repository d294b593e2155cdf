import { BSON, type Document, type MongoClient, Timestamp, type UUID } from "mongodb";
import { assert } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { bsonType } from "./raw-bson.ts";
import { elementsOf, fieldAt, sentAs, type TypedBytes } from "./typed-bytes.ts";

interface Emptied {
  readonly id: TypedBytes;
  readonly fields: readonly string[];
}

const isEmptyTimestamp = (type: number, value: Uint8Array) =>
  type === bsonType.timestamp && value.every((byte) => byte === 0);

/** The documents of a batch that hold an empty timestamp at their top, but as `_id`. Pure. */
function emptyTimestamps(batch: Uint8Array): readonly Emptied[] {
  const view = new DataView(batch.buffer, batch.byteOffset, batch.byteLength);
  const found: Emptied[] = [];
  for (let start = 0; start < batch.length; ) {
    const end = start + view.getInt32(start, true);
    assert(end > start && end <= batch.length, "a batch is whole documents", { start, end });
    const bytes = batch.subarray(start, end);
    let isAny = false;
    for (const [type, , , offset, length] of BSON.onDemand.parseToElements(bytes)) {
      isAny ||= isEmptyTimestamp(type, bytes.subarray(offset, offset + length));
    }
    const id = isAny ? fieldAt(bytes, "_id") : undefined;
    if (id) {
      const fields = elementsOf(bytes)
        .filter(({ type, value }) => isEmptyTimestamp(type, value))
        .map(({ name }) => Buffer.from(name).toString("utf8"));
      found.push({ id, fields: fields.filter((name) => name !== "_id") });
    }
    start = end;
  }
  return found;
}

/** A name that `$set` takes as it stands. Such a one as it does not take stays as the insert has made it. */
const isSettable = (name: string) => name !== "" && !name.startsWith("$") && !name.includes(".");

/**
 * An insert takes an empty timestamp at the top of a document for a wish and puts the present time there. `$set` does
 * not: what was inserted gets it back, in its place among the fields. (A pipeline does not either, on the primary:
 * it may be replicated as a replacement, and then each secondary puts the time there.) Done twice, it is the same.
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
