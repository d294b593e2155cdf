import { BSON, ObjectId } from "mongodb";

/** One field of a document as its bytes: a document may name a field twice, and hold what JavaScript cannot. */
export interface RawField {
  readonly name: string;
  /** BSON's number for the type. */
  readonly type: number;
  /** The bytes of the value alone. */
  readonly value: Uint8Array;
  /** The bytes of type, name and value. */
  readonly element: Uint8Array;
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

/** The fields of a document in their order. Pure. */
export function rawFields(bytes: Uint8Array): RawField[] {
  const fields: RawField[] = [];
  for (const [type, start, nameLength, offset, length] of BSON.onDemand.parseToElements(bytes)) {
    const end = offset + length;
    fields.push({
      name: new TextDecoder().decode(bytes.subarray(start, start + (nameLength ?? 0))),
      type,
      value: bytes.subarray(offset, end),
      element: Buffer.concat([Uint8Array.of(type), bytes.subarray(start, end)]),
    });
  }
  return fields;
}

/** The document that has these fields. Pure. */
export function rawDocument(fields: readonly Pick<RawField, "element">[]): Uint8Array {
  const body = Buffer.concat(fields.map(({ element }) => element));
  const bytes = Buffer.alloc(4 + body.length + 1);
  bytes.writeInt32LE(bytes.length, 0);
  body.copy(bytes, 4);
  return bytes;
}

/** A field of this name that holds a value. Pure. */
export function fieldOf(name: string, value: unknown): RawField {
  const [field] = rawFields(BSON.serialize(new Map([[name, value]])));
  return field as RawField;
}

/** A field of this name and type with these bytes as its value. Pure. */
export function fieldOfBytes(name: string, type: number, value: Uint8Array): RawField {
  const element = Buffer.concat([Uint8Array.of(type), Buffer.from(`${name}\0`), value]);
  return { name, type, value, element };
}

/** The value as the driver decodes it, numbers as wrappers. Pure. */
export function decodedValue({ name, type, value }: RawField): unknown {
  const bytes = rawDocument([fieldOfBytes(name, type, value)]);
  const options = { promoteValues: false, bsonRegExp: true, validation: { utf8: false } } as const;
  return BSON.deserialize(bytes, options)[name];
}

/** True where the server takes the value for a yes: true, or a number that is not zero. Pure. */
export function isTrue(field: RawField | undefined): boolean {
  if (field === undefined) return false;
  if (field.type === bsonType.boolean) return field.value[0] === 1;
  return numberTypes.includes(field.type) && Number(decodedValue(field)) !== 0;
}

/**
 * A value that the driver sends as these bytes. The driver has no public way to send raw bytes inside a
 * command. It lets an ObjectId write its own bytes after type and name, and this one writes over the type.
 * A test holds this to the pinned version.
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
