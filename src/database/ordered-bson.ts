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

/** Canonical Extended JSON, keys in their order. */
export function canonicalText(value: unknown): string {
  if (value instanceof Map) {
    const fields = [...value].map(([key, held]) => `${JSON.stringify(key)}:${canonicalText(held)}`);
    return `{${fields.join(",")}}`;
  }
  if (Array.isArray(value)) return `[${value.map(canonicalText).join(",")}]`;
  return BSON.EJSON.stringify(value, { relaxed: false });
}

type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** Extended JSON as values in their order: the way back from `canonicalText`. */
export function parseCanonical(text: string): unknown {
  // A string before a colon is a key: the mark keeps JSON.parse from sorting those like integers.
  const marked = text.replace(/"(?:[^"\\]|\\.)*"(\s*:)?/g, (whole, colon: string | undefined) =>
    colon === undefined ? whole : `"\u0001${whole.slice(1)}`,
  );
  // The mark is a control character, which JSON wants escaped.
  return ordered(JSON.parse(marked.replaceAll("\u0001", "\\u0001")) as Json);
}

function ordered(value: Json): unknown {
  if (Array.isArray(value)) return value.map(ordered);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value as Readonly<Record<string, Json>>);
  const fields = entries.map(([key, held]) => [key.slice(1), held] as const);
  if (fields.some(([key]) => leafKeys.has(key))) {
    const plain = Object.fromEntries(fields.map(([key, held]) => [key, unmarked(held)]));
    return BSON.EJSON.parse(JSON.stringify(plain), { relaxed: false });
  }
  return new Map(fields.map(([key, held]) => [key, ordered(held)]));
}

/** Extended JSON's own wrappers; other `$` keys are operators. */
const leafKeys = new Set([
  ...["$numberInt", "$numberLong", "$numberDouble", "$numberDecimal", "$oid", "$date", "$binary"],
  ...["$timestamp", "$regularExpression", "$minKey", "$maxKey", "$undefined", "$symbol", "$code"],
  ...["$dbPointer", "$uuid"],
]);

function unmarked(value: Json): unknown {
  if (Array.isArray(value)) return value.map(unmarked);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, held]) => [key.slice(1), unmarked(held as Json)]),
  );
}
