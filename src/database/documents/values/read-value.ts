import { BSON, ObjectId } from "mongodb";
import { messageOf } from "../../../errors.ts";
import { documentOf, type TypedBytes } from "../../../mongo/bson/elements.ts";
import { bsonType } from "../../../mongo/bson/raw-bson.ts";

/** "plain": values as the driver promotes them. "bson": its wrappers, which keep the types of numbers. */
export type ValueTypes = "plain" | "bson";

/** The place of a value in the bytes of a document. */
export interface Span {
  readonly type: number;
  readonly start: number;
  readonly end: number;
}

const readOptions = { plain: {}, bson: { promoteValues: false, bsonRegExp: true } };
const valueName = new TextEncoder().encode("v");
const dateMsMax = 8_640_000_000_000_000n;
const { ByteUtils } = BSON.onDemand;

const wrapped = ({ type, value }: TypedBytes) => documentOf([{ type, name: valueName, value }]);

/** A value as the driver reads it. */
export function readByDriver(element: TypedBytes, types: ValueTypes): unknown {
  return BSON.deserialize(wrapped(element), readOptions[types])["v"];
}

/** True where the driver writes a value exactly as it was read. */
export function isWrittenAlike(held: unknown, element: TypedBytes): boolean {
  return Buffer.compare(BSON.serialize({ v: held }), wrapped(element)) === 0;
}

/** The text, or undefined for invalid UTF-8. */
export function textIn(bytes: Uint8Array, start: number, end: number): string | undefined {
  try {
    return ByteUtils.toUTF8(bytes, start, end, true);
  } catch {
    return undefined;
  }
}

/**
 * The value for a step, if it is neither a document nor an array.
 * @throws Error that says what JavaScript cannot hold
 */
export function readValue(bytes: Buffer, span: Span, types: ValueTypes): unknown {
  const { type, start, end } = span;
  if (type === bsonType.string) {
    const text = textIn(bytes, start + 4, end - 1);
    if (text === undefined) throw new Error("a string that is not valid UTF-8");
    return text;
  }
  if (types === "plain" && type === bsonType.int32) return bytes.readInt32LE(start);
  if (types === "plain" && type === bsonType.double) return bytes.readDoubleLE(start);
  if (type === bsonType.null) return null;
  if (type === bsonType.boolean && (bytes[start] ?? 0) < 2) return bytes[start] === 1;
  if (type === bsonType.objectId) return new ObjectId(bytes.subarray(start, end));
  if (type === bsonType.date) {
    const ms = bytes.readBigInt64LE(start);
    if (ms > dateMsMax || ms < -dateMsMax) throw new Error(`a date of ${ms} ms`);
    return new Date(Number(ms));
  }
  return readRareValue({ type, value: bytes.subarray(start, end) }, types);
}

function readRareValue(element: { type: number; value: Buffer }, types: ValueTypes): unknown {
  const { type, value } = element;
  if (type === bsonType.dbPointer) throw new Error("a DBPointer");
  if (type === bsonType.regex) {
    const options = value.toString("latin1", value.indexOf(0) + 1, value.length - 1);
    // The driver drops other options, so a step would search for something else.
    const isKnown = types === "bson" || /^[ims]*$/.test(options);
    if (!isKnown || textIn(value, 0, value.length) === undefined) {
      throw new Error(`a regular expression with the options "${options}"`);
    }
  }
  let held: unknown;
  try {
    held = readByDriver(element, types);
  } catch (error) {
    throw new Error(`a value of BSON type ${type} (${messageOf(error)})`, { cause: error });
  }
  if (type === bsonType.codeWithScope && !isWrittenAlike(held, element)) {
    throw new Error("code with a scope that JavaScript would alter");
  }
  return held;
}
