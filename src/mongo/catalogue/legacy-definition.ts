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

/** A definition in the form of today's server, and notes about what was left out or changed. */
export interface Renewed {
  readonly definition: Definition;
  readonly notices: readonly string[];
}

/** Fields of an index that old drivers sent and old servers kept. They never had a meaning. */
const meaninglessOfIndex = ["safe", "flags", "dropDups", "w", "wtimeout", "j", "fsync"];
/** Options of a collection in old dumps. Today's server refuses or drops each of them. */
const meaninglessOfCollection = ["create", "flags", "temp", "nExtents", "$nExtents"];

/** True for a direction or a kind of index that today's server accepts. */
function isKeyValue(field: RawField): boolean {
  if (numberTypes.includes(field.type)) return !["0", "NaN"].includes(valueMeaning(field));
  return field.type === bsonType.string && decodedValue(field) !== "";
}

/** The fields of an index's key whose value today's server refuses. Pure. */
export function keyOddities(index: Definition): readonly string[] {
  const key = definitionField(index, "key");
  const fields = key?.type === bsonType.document ? rawFields(key.value) : [];
  return fields.filter((field) => !isKeyValue(field)).map(({ name }) => name);
}

/** The longest expiry that the server keeps for an index. */
const mostSeconds = 2_147_483_647;

/**
 * An index's expiry as today's server keeps it: whole seconds up to the longest, or null where it refuses the value.
 */
function renewedExpiry(field: RawField): number | null {
  const seconds = numberTypes.includes(field.type) ? Number(decodedValue(field)) : -1;
  // Old servers took a NaN, and today's server takes it for the longest expiry.
  if (Number.isNaN(seconds)) return mostSeconds;
  return seconds < 0 ? null : Math.min(Math.trunc(seconds), mostSeconds);
}

/** True for an expiry that today's server would not keep as it is. Pure. */
export function isOddExpiry(index: Definition): boolean {
  const field = definitionField(index, "expireAfterSeconds");
  return field !== undefined && renewedExpiry(field) !== Number(decodedValue(field));
}

/**
 * An index of any server as today's server takes it. (`ns` is dropped without a note, since it only named the place.)
 * Pure.
 */
export function renewedIndex(bytes: Uint8Array): Renewed {
  const notices: string[] = [];
  const fields = rawFields(bytes).flatMap((field): RawField[] => {
    if (field.name === "ns") return [];
    // Old servers took null for no, and any other value of `background`, which has no meaning any more.
    const isOddBackground =
      field.name === "background" && ![bsonType.boolean, ...numberTypes].includes(field.type);
    const isIdle = isOddBackground || meaninglessOfIndex.includes(field.name);
    if (field.type === bsonType.null || isIdle) {
      notices.push(`"${field.name}" is left out`);
      return [];
    }
    if (field.name === "v" && Number(decodedValue(field)) < 1) {
      notices.push("version 0 becomes 1");
      return [fieldOf("v", 1)];
    }
    if (field.name === "expireAfterSeconds") {
      const seconds = renewedExpiry(field);
      // A value that no server takes is refused by name.
      if (seconds === null || seconds === Number(decodedValue(field))) return [field];
      notices.push(`"expireAfterSeconds" becomes ${seconds}, as the server takes it`);
      return [fieldOf("expireAfterSeconds", seconds)];
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

/** A collection's options of any server as today's server takes them. Pure. */
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
