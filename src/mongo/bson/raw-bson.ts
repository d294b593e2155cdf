import { BSON, ObjectId } from "mongodb";
import { documentOf, elementsOf, type TypedBytes, wrapValue } from "./elements.ts";

/** One field of a document with its name as text. A document may name a field twice, and hold what JavaScript cannot. */
export interface RawField extends TypedBytes {
  readonly name: string;
  /** The name as it lies in the document: it may be no valid UTF-8. */
  readonly nameBytes: Uint8Array;
}

/** BSON's numbers for the types that are handled here. */
export const bsonType = {
  double: 1,
  string: 2,
  document: 3,
  array: 4,
  undefined: 6,
  objectId: 7,
  boolean: 8,
  date: 9,
  null: 10,
  regex: 11,
  dbPointer: 12,
  code: 13,
  symbol: 14,
  codeWithScope: 15,
  int32: 16,
  timestamp: 17,
  long: 18,
  maxKey: 127,
} as const;

/** BSON's numbers for double, int and long. */
export const numberTypes: readonly number[] = [bsonType.double, bsonType.int32, bsonType.long];

/** The name of a field may begin with a byte order mark, which is part of it. */
const textDecoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** The fields of a document in their order. Pure. */
export function rawFields(bytes: Uint8Array): RawField[] {
  return elementsOf(bytes).map(({ type, name, value }) => {
    return { name: textDecoder.decode(name), nameBytes: name, type, value };
  });
}

/** The document that has these fields. Pure. */
export function rawDocument(fields: readonly RawField[]): Uint8Array {
  return documentOf(fields.map(({ type, nameBytes, value }) => ({ type, name: nameBytes, value })));
}

/** A field of this name that holds a value. Pure. */
export function fieldOf(name: string, value: unknown): RawField {
  const [field] = rawFields(BSON.serialize(new Map([[name, value]])));
  return field as RawField;
}

/** A field of this name and type with these bytes as its value. Pure. */
export function fieldOfBytes(name: string, type: number, value: Uint8Array): RawField {
  return { name, nameBytes: Buffer.from(name), type, value };
}

/** The value as the driver decodes it, numbers as wrappers. Pure. */
export function decodedValue(typed: TypedBytes): unknown {
  const options = { promoteValues: false, bsonRegExp: true, validation: { utf8: false } } as const;
  return BSON.deserialize(wrapValue(typed), options)["v"];
}

/** True where the server takes the value for true: true itself, or a number other than zero. Pure. */
export function isTrue(field: RawField | undefined): boolean {
  if (field === undefined) return false;
  if (field.type === bsonType.boolean) return field.value[0] === 1;
  return numberTypes.includes(field.type) && Number(decodedValue(field)) !== 0;
}

/**
 * A value that the driver sends as these bytes. The driver has no public way to send raw bytes inside a command. It
 * lets an ObjectId write its own bytes after type and name, and this one overwrites the type. `requireKnownDriver`
 * proves that for the installed version.
 */
export class RawValue extends ObjectId {
  readonly field: RawField;

  constructor(field: RawField) {
    super();
    this.field = field;
  }

  serializeInto(buffer: Uint8Array, index: number): number {
    const { type, value, name } = this.field;
    buffer[index - Buffer.byteLength(name) - 2] = type;
    buffer.set(value, index);
    return value.length;
  }
}

/** An array of documents that the driver sends as these bytes. */
export function rawArray(documents: readonly Uint8Array[]): RawValue[] {
  return documents.map(
    (bytes, index) => new RawValue(fieldOfBytes(String(index), bsonType.document, bytes)),
  );
}

/** Fields that the driver sends as their bytes, to be spread into a command. No name may occur twice. */
export function rawOptions(fields: readonly RawField[]): Record<string, RawValue> {
  return Object.fromEntries(fields.map((field) => [field.name, new RawValue(field)]));
}
