import { bsonType, decodedValue, type RawField, rawFields } from "./raw-bson.ts";

/**
 * A document's bytes as values that keep type and key order: nested documents as Maps, arrays as
 * arrays. (JavaScript objects move integer-like keys to the front: another index, another document.)
 */
export function orderedDocument(bytes: Uint8Array): Map<string, unknown> {
  return new Map(rawFields(bytes).map((field) => [field.name, heldBy(field)]));
}

/** One field of a document, as `orderedDocument` has it. Pure. */
export function orderedField(bytes: Uint8Array, name: string): unknown {
  const field = rawFields(bytes).find((each) => each.name === name);
  return field && heldBy(field);
}

function heldBy(field: RawField): unknown {
  if (field.type === bsonType.document) return orderedDocument(field.value);
  if (field.type === bsonType.array) return rawFields(field.value).map(heldBy);
  return decodedValue(field);
}
