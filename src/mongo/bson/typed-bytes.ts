import { BSON, ObjectId } from "mongodb";
import { limits } from "../../limits.ts";
import { orderedDocument } from "./ordered-bson.ts";
import { fieldOfBytes, RawValue } from "./raw-bson.ts";

/** A value as it lies in the bytes of a document. */
export interface TypedBytes {
  readonly type: number;
  readonly value: Uint8Array;
}

/** One element of a document, as it lies in its bytes. */
export interface RawElement extends TypedBytes {
  readonly name: Uint8Array;
}

/** The elements of a document in their order; a name that is there twice is there twice. */
export function elementsOf(bytes: Uint8Array): readonly RawElement[] {
  return [...BSON.onDemand.parseToElements(bytes)].map(
    ([type, nameOffset, nameLength, offset, length]) => ({
      type,
      name: bytes.subarray(nameOffset, nameOffset + nameLength),
      value: bytes.subarray(offset, offset + length),
    }),
  );
}

/** The bytes of a document of these elements. */
export function documentOf(elements: readonly RawElement[]): Uint8Array {
  const length = elements.reduce(
    (sum, { name, value }) => sum + 1 + name.length + 1 + value.length,
    4 + 1,
  );
  const bytes = new Uint8Array(length);
  new DataView(bytes.buffer).setInt32(0, length, true);
  let at = 4;
  for (const { type, name, value } of elements) {
    bytes[at] = type;
    bytes.set(name, at + 1);
    bytes.set(value, at + 1 + name.length + 1);
    at += 1 + name.length + 1 + value.length;
  }
  return bytes;
}

const textEncoder = new TextEncoder();

/** A field at the top of a document; of a name that is there twice, the first. */
export function fieldAt(bytes: Uint8Array, name: string): TypedBytes | undefined {
  const wanted = textEncoder.encode(name);
  for (const [type, nameOffset, nameLength, offset, length] of BSON.onDemand.parseToElements(
    bytes,
  )) {
    const isWanted =
      nameLength === wanted.length && wanted.every((byte, at) => bytes[nameOffset + at] === byte);
    if (isWanted) return { type, value: bytes.subarray(offset, offset + length) };
  }
  return undefined;
}

/** A value that the driver sends as it is, under this name. */
export function sentAs(name: string, { type, value }: TypedBytes): RawValue {
  return new RawValue(fieldOfBytes(name, type, value));
}

export function isEqual(left: TypedBytes, right: TypedBytes | null | undefined): boolean {
  return left.type === right?.type && Buffer.compare(left.value, right.value) === 0;
}

/** A value in a document of its own: as it is kept where values are read back by the driver. */
export function wrapValue({ type, value }: TypedBytes): Uint8Array {
  return documentOf([{ type, name: textEncoder.encode("v"), value }]);
}

/** The value that `wrapValue` has wrapped. */
export function unwrapValue(bytes: Uint8Array): TypedBytes | undefined {
  return fieldAt(bytes, "v");
}

/** A value as JavaScript has it, or undefined where JavaScript cannot hold it. */
function heldBy(raw: TypedBytes): { readonly value: unknown } | undefined {
  const bytes = wrapValue(raw);
  try {
    const again = BSON.serialize(orderedDocument(bytes), { ignoreUndefined: false });
    return Buffer.compare(again, bytes) === 0 ? { value: BSON.deserialize(bytes)["v"] } : undefined;
  } catch {
    return undefined;
  }
}

/** A value in Extended JSON for people; one that JavaScript cannot hold, by its type and its first bytes. */
export function printed(raw: TypedBytes | undefined): string {
  if (raw === undefined) return "none";
  const held = heldBy(raw);
  if (held) return BSON.EJSON.stringify(held.value);
  const { type, value: bytes } = raw;
  const shown = Buffer.from(bytes.subarray(0, limits.printedBytesMax)).toString("hex");
  return `BSON type ${type}, bytes ${shown}${bytes.length > limits.printedBytesMax ? "…" : ""}`;
}

/** An `_id` as it is told to people: a string, a number or an ObjectId without its marks. */
export function idText(raw: TypedBytes | undefined): string {
  const value = raw && heldBy(raw)?.value;
  const isPlain = ["string", "number", "boolean"].includes(typeof value);
  return isPlain || value instanceof ObjectId ? String(value) : printed(raw);
}
