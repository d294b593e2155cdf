import { BSON } from "mongodb";

/**
 * A document's bytes as values that keep type and key order: nested documents as Maps, arrays as
 * arrays. (JavaScript objects move integer-like keys to the front: another index, another document.)
 */
export function orderedDocument(bytes: Uint8Array): Map<string, unknown> {
  const entries = new Map<string, unknown>();
  for (const element of BSON.onDemand.parseToElements(bytes)) {
    entries.set(nameOf(bytes, element), heldBy(bytes, element));
  }
  return entries;
}

/** One field of a document, as `orderedDocument` has it; the others are not looked into. */
export function orderedField(bytes: Uint8Array, name: string): unknown {
  for (const element of BSON.onDemand.parseToElements(bytes)) {
    if (nameOf(bytes, element) === name) return heldBy(bytes, element);
  }
  return undefined;
}

type Element =
  ReturnType<typeof BSON.onDemand.parseToElements> extends Iterable<infer E> ? E : never;

const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

function nameOf(bytes: Uint8Array, [, offset, length]: Element): string {
  return textOf(bytes.subarray(offset, offset + length));
}

function heldBy(bytes: Uint8Array, element: Element): unknown {
  const [type, , , offset, length] = element;
  const value = bytes.subarray(offset, offset + length);
  if (type === 3) return orderedDocument(value);
  if (type === 4) return [...orderedDocument(value).values()];
  return decodeValue(bytes, element);
}

/** One element decoded by wrapping it in a document of its own. */
function decodeValue(
  bytes: Uint8Array,
  [type, start, nameLength, offset, length]: Element,
): unknown {
  const element = bytes.subarray(start, offset + length);
  const wrapped = new Uint8Array(4 + 1 + element.length + 1);
  new DataView(wrapped.buffer).setInt32(0, wrapped.length, true);
  wrapped[4] = type;
  wrapped.set(element, 5);
  const name = textOf(bytes.subarray(start, start + (nameLength ?? 0)));
  return BSON.deserialize(wrapped, { promoteValues: false, bsonRegExp: true })[name];
}
