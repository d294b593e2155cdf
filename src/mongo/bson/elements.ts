import { BSON } from "mongodb";

/** A value as it lies in the bytes of a document. */
export interface TypedBytes {
  /** BSON's number for the type. */
  readonly type: number;
  readonly value: Uint8Array;
}

/** One element of a document, as it lies in its bytes. */
export interface RawElement extends TypedBytes {
  readonly name: Uint8Array;
}

const textEncoder = new TextEncoder();
const walk = BSON.onDemand.parseToElements;

/** The elements of a document in their order. A name that is there twice is there twice. Pure. */
export function elementsOf(bytes: Uint8Array): RawElement[] {
  return [...walk(bytes)].map(([type, nameOffset, nameLength, offset, length]) => ({
    type,
    name: bytes.subarray(nameOffset, nameOffset + nameLength),
    value: bytes.subarray(offset, offset + length),
  }));
}

/** The bytes of a document of these elements. Pure. */
export function documentOf(elements: readonly RawElement[]): Uint8Array {
  let length = 4 + 1;
  for (const { name, value } of elements) length += 1 + name.length + 1 + value.length;
  const bytes = Buffer.allocUnsafe(length);
  let at = bytes.writeInt32LE(length, 0);
  for (const { type, name, value } of elements) {
    bytes[at] = type;
    bytes.set(name, at + 1);
    at += 1 + name.length;
    bytes[at] = 0;
    bytes.set(value, at + 1);
    at += 1 + value.length;
  }
  bytes[at] = 0;
  return bytes;
}

/** A field at the top of a document; of a name that is there twice, the first. Pure. */
export function fieldAt(bytes: Uint8Array, name: string): TypedBytes | undefined {
  const wanted = textEncoder.encode(name);
  for (const [type, nameOffset, nameLength, offset, length] of walk(bytes)) {
    const isWanted =
      nameLength === wanted.length && wanted.every((byte, at) => bytes[nameOffset + at] === byte);
    if (isWanted) return { type, value: bytes.subarray(offset, offset + length) };
  }
  return undefined;
}

/** True where some field at the top of a document has this type. Pure. */
export function hasType(bytes: Uint8Array, wanted: number): boolean {
  for (const [type] of walk(bytes)) if (type === wanted) return true;
  return false;
}

const valueName = textEncoder.encode("v");

/** A value in a document of its own, under the name `v`. Pure. */
export function wrapValue({ type, value }: TypedBytes): Uint8Array {
  return documentOf([{ type, name: valueName, value }]);
}

/** The value that `wrapValue` has wrapped. Pure. */
export function unwrapValue(bytes: Uint8Array): TypedBytes | undefined {
  return fieldAt(bytes, "v");
}
