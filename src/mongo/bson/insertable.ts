import { limits } from "../../limits.ts";
import { emptyTimestampsIn } from "./empty-timestamps.ts";
import { bsonType, rawFields } from "./raw-bson.ts";

/** The bytes of `_id` with its end, as a number. */
const idName = Buffer.from("_id\0").readUInt32LE(0);
const emptyValue = Buffer.alloc(8);
/** The types that the server refuses for an `_id`. */
const refusedIds: readonly number[] = [bsonType.array, bsonType.regex, bsonType.undefined];

const typeAt = 4;
const nameAt = 5;

/** True for an `_id` that is a document with an operator's name, which the server refuses. */
function isOperator(document: Uint8Array): boolean {
  const id = rawFields(document)[0];
  return (
    id?.type === bsonType.document && rawFields(id.value).some(({ name }) => name.startsWith("$"))
  );
}

/**
 * True where the server surely takes a document back as exactly these bytes. It puts an `_id` first, refuses some that
 * older servers took, and puts the present time in place of an empty timestamp. Pure.
 */
export function isTakenBack(document: Buffer): boolean {
  if (document.length > limits.documentBytesMax) return false;
  const type = document[typeAt] as number;
  if (document.length < nameAt + 4 || document.readUInt32LE(nameAt) !== idName) return false;
  if (refusedIds.includes(type)) return false;
  if (type === bsonType.document && isOperator(document)) return false;
  // Few documents hold eight zeros in a row, so few are walked through.
  return !document.includes(emptyValue) || emptyTimestampsIn(document).length === 0;
}
