import {
  bsonType,
  decodedValue,
  fieldOf,
  fieldOfBytes,
  isTrue,
  numberTypes,
  type RawField,
  rawDocument,
  rawFields,
} from "../bson/raw-bson.ts";
import { type Definition, definitionField, definitionOf } from "./definition.ts";
import { valueMeaning } from "./meaning.ts";

/** A definition as today's server takes it, and in words what was left out or changed of it. */
export interface Renewed {
  readonly definition: Definition;
  readonly notices: readonly string[];
}

/** Fields that old drivers sent with an index, and old servers kept: they never had a meaning. */
const meaninglessOfIndex = ["safe", "flags", "dropDups", "w", "wtimeout", "j", "fsync"];
/** Options of a collection in old dumps; the server takes none of them, or does not keep them. */
const meaninglessOfCollection = ["create", "flags", "temp", "nExtents", "$nExtents"];

/** True for a direction or a kind that the server still takes. */
function isKeyValue(field: RawField): boolean {
  if (numberTypes.includes(field.type)) return !["0", "NaN"].includes(valueMeaning(field));
  return field.type === bsonType.string && decodedValue(field) !== "";
}

/** The fields of an index's key whose value is none that today's server takes. Pure. */
export function keyOddities(index: Definition): readonly string[] {
  const key = definitionField(index, "key");
  const fields = key?.type === bsonType.document ? rawFields(key.value) : [];
  return fields.filter((field) => !isKeyValue(field)).map(({ name }) => name);
}

/** An index of any server as today's takes it. (`ns` goes without a word: it says where it stood.) Pure. */
export function renewedIndex(bytes: Uint8Array): Renewed {
  const notices: string[] = [];
  const fields = rawFields(bytes).flatMap((field): RawField[] => {
    if (field.name === "ns") return [];
    // Servers of old took nothing for a no.
    if (field.type === bsonType.null || meaninglessOfIndex.includes(field.name)) {
      notices.push(`"${field.name}" is left out`);
      return [];
    }
    if (field.name === "v" && Number(decodedValue(field)) < 1) {
      notices.push("version 0 becomes 1");
      return [fieldOf("v", 1)];
    }
    if (field.name !== "key" || field.type !== bsonType.document) return [field];
    const keys = rawFields(field.value).map((held) => {
      if (isKeyValue(held)) return held;
      notices.push(`the key of "${held.name}" becomes 1, which older servers took it for`);
      return fieldOf(held.name, 1);
    });
    return [fieldOfBytes("key", bsonType.document, rawDocument(keys))];
  });
  return { definition: definitionOf(rawDocument(fields)), notices };
}

/** A collection's options of any server as today's takes them. Pure. */
export function renewedOptions(bytes: Uint8Array): Renewed {
  const notices: string[] = [];
  const all = rawFields(bytes);
  const isCapped = isTrue(all.find(({ name }) => name === "capped"));
  const fields = all.flatMap((field): RawField[] => {
    const isIdle = !isCapped && (field.name === "size" || field.name === "max");
    if (isIdle || meaninglessOfCollection.includes(field.name)) {
      if (field.name !== "create") notices.push(`"${field.name}" is left out`);
      return [];
    }
    if (field.name === "autoIndexId" && !isTrue(field)) {
      notices.push("an index of _id is added (autoIndexId: false)");
      return [fieldOf("autoIndexId", true)];
    }
    return [field];
  });
  return { definition: definitionOf(rawDocument(fields)), notices };
}
