import { BSON, DBRef } from "mongodb";
import { LockstepError } from "../../../errors.ts";
import { documentOf, elementsOf, type TypedBytes } from "../../../mongo/bson/elements.ts";
import { ownValue } from "../../../mongo/bson/own-values.ts";
import { bsonType } from "../../../mongo/bson/raw-bson.ts";
import { isEqual } from "../../../mongo/bson/typed-bytes.ts";
import { type DocumentReading, typeOfNumber } from "../read-document.ts";
import { fieldsOf, inOrder, objectOrder, originalsOf } from "./fields-of.ts";
import { readByDriver, readValue } from "./read-value.ts";

/** The place of a written value. */
export interface Place {
  readonly path: string;
  /** The present value. */
  readonly original: TypedBytes | undefined;
  /** False where a number is no value of the document, but a condition or an operand. */
  readonly isStored: boolean;
  /** True for an element of an array. Its number may have come from another index. */
  readonly isElement?: boolean;
}

const typeNames: Readonly<Record<number, string>> = {
  [bsonType.double]: "a Double",
  [bsonType.long]: "a Long",
  [bsonType.int32]: "an Int32",
  [bsonType.symbol]: "a Symbol",
  [bsonType.undefined]: "undefined",
};

function ambiguous({ path }: Place, value: unknown, why: string): LockstepError {
  const given = typeof value === "string" ? JSON.stringify(value) : String(value);
  return new LockstepError(
    "step-failed",
    `"${path}" is given ${given}, ${why}: give a value with its type (new Int32(…), new Double(…), Long.fromNumber(…)), copy the object around it, or ask for \`types: "bson"\``,
  );
}

/** The bytes of a value that a step returns, or undefined for a value that the driver leaves out (a function). */
export function writeValue(
  reading: DocumentReading,
  given: unknown,
  place: Place,
): TypedBytes | undefined {
  const value = ownValue(hasToBson(given) ? given.toBSON() : given);
  const origin = isObject(value) ? reading.originOf(value) : undefined;
  if (isContainer(value, origin)) return writeContainer(reading, value, place);
  for (const known of [origin, place.original]) {
    if (!known || !isSame(reading, value, known)) continue;
    if (known === place.original) refuseOtherTypes(reading, value, place, known);
    return known;
  }
  if (place.isStored) refuseAmbiguous(reading, value, place);
  const [written] = elementsOf(BSON.serialize({ v: value }, { ignoreUndefined: false }));
  return written;
}

function hasToBson(value: unknown): value is { toBSON(): unknown } {
  return typeof (value as { toBSON?: unknown } | null | undefined)?.toBSON === "function";
}

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;
const isContainerType = (type: number | undefined) =>
  type === bsonType.document || type === bsonType.array;

/** True for a document or an array. A reference is an object of the driver, and counts as neither. */
function isContainer(value: unknown, origin: TypedBytes | undefined): value is object {
  if (!isObject(value) || value instanceof DBRef) return false;
  if (isContainerType(origin?.type)) return true;
  if ("_bsontype" in value) return false;
  return !(value instanceof Date || value instanceof RegExp || ArrayBuffer.isView(value));
}

/** True where a value equals the one that a reader of these bytes gets. */
function isSame({ types }: DocumentReading, value: unknown, known: TypedBytes): boolean {
  const { type, value: bytes } = known;
  // A reference is read from a document.
  if (isContainerType(type) && !(value instanceof DBRef)) return false;
  let before: unknown;
  try {
    before = isContainerType(type)
      ? readByDriver(known, types)
      : readValue(Buffer.from(bytes), { type, start: 0, end: bytes.length }, types);
  } catch {
    return false;
  }
  if (!isObject(value) || !isObject(before)) return Object.is(value, before);
  if (before.constructor !== value.constructor) return false;
  return Buffer.compare(BSON.serialize({ v: value }), BSON.serialize({ v: before })) === 0;
}

const namesOf = (types: ReadonlySet<number>) =>
  [...types].map((type) => `${typeNames[type]}`).join(" and as ");

/**
 * Refuses a number that equals the present one but was read elsewhere with another type. In an array the place proves
 * nothing once the number was read with several types, since elements may have moved.
 */
function refuseOtherTypes(
  reading: DocumentReading,
  value: unknown,
  place: Place,
  original: TypedBytes,
): void {
  const types = reading.typesRead.get(value);
  if (typeof value !== "number" || types === undefined || !reading.isGuarded(original)) return;
  const isFromElsewhere = !reading.wasRead(original) && !types.has(original.type);
  if (isFromElsewhere || (place.isElement && types.size > 1)) {
    throw ambiguous(place, value, `which was read as ${namesOf(types)}`);
  }
}

function refuseAmbiguous(reading: DocumentReading, value: unknown, place: Place): void {
  const lost = reading.typesRead.get(value);
  const isInt32 = lost?.size === 1 && lost.has(bsonType.int32);
  if (lost !== undefined && !isInt32) {
    throw ambiguous(place, value, `which was read as ${namesOf(lost)}`);
  }
  const { original } = place;
  if (typeof value !== "number" || original === undefined || !reading.wasRead(original)) return;
  if (typeOfNumber(value) !== original.type) {
    throw ambiguous(place, value, `where ${typeNames[original.type]} was read`);
  }
}

const textEncoder = new TextEncoder();
const nothing: TypedBytes = { type: bsonType.null, value: new Uint8Array() };

export function heldIn(holder: object, { get, value }: PropertyDescriptor): unknown {
  return get ? get.call(holder) : value;
}

/** The bytes of a document or an array: its own where it is equal, else field by field. */
function writeContainer(reading: DocumentReading, value: object, place: Place): TypedBytes {
  const type = Array.isArray(value) ? bsonType.array : bsonType.document;
  const known = reading.originOf(value) ?? place.original;
  const source = known?.type === type ? known : undefined;
  const originals = originalsOf(source);
  const fields = new Map<string, TypedBytes>();
  let unnameable: string | undefined;
  for (const [name, property] of fieldsOf(value)) {
    const path = `${place.path}.${name}`;
    const original = originals.get(name);
    const guarded = reading.untouched(property);
    if (guarded?.isUnnameable) unnameable = path;
    const held =
      // A name that is there twice was handed out once.
      (guarded?.isUnnameable ? original : guarded) ??
      writeValue(reading, heldIn(value, property), {
        ...{ path, original, isStored: place.isStored },
        isElement: type === bsonType.array,
      });
    if (held) fields.set(name, held);
    else if (type === bsonType.array) fields.set(name, nothing);
  }
  const names = [...fields.keys()];
  const isWhole =
    source !== undefined &&
    names.length === originals.size &&
    objectOrder(originals.keys()).every((name, index) => name === names[index]) &&
    [...fields].every(
      ([name, held]) => held === originals.get(name) || isEqual(held, originals.get(name)),
    );
  if (isWhole) return source;
  if (unnameable !== undefined) {
    throw new LockstepError(
      "step-failed",
      `"${unnameable}" is a name that JavaScript cannot tell apart, in a document that the step changes: change it by an update pipeline`,
    );
  }
  const elements = inOrder(fields, originals).map((name) => {
    if (name.includes("\0")) {
      throw new LockstepError("step-failed", `"${place.path}" has a field name with a null byte`);
    }
    return { ...(fields.get(name) as TypedBytes), name: textEncoder.encode(name) };
  });
  return { type, value: documentOf(elements) };
}
