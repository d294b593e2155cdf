import {
  bsonType,
  decodedValue,
  fieldOf,
  isTrue,
  type RawField,
  rawFields,
} from "../bson/raw-bson.ts";
import { filterMeaning, valueMeaning } from "./meaning.ts";

/** The server's defaults for an index. */
export const indexDefaults: Readonly<Record<string, unknown>> = {
  ...{ v: 2, textIndexVersion: 3, "2dsphereIndexVersion": 3 },
  ...{ unique: false, sparse: false, hidden: false, prepareUnique: false, background: false },
  ...{ default_language: "english", language_override: "language" },
  ...{ bits: 26, min: -180, max: 180, collation: { locale: "simple" } },
};

/** The server's defaults for a collection. */
export const optionDefaults: Readonly<Record<string, unknown>> = {
  ...{ capped: false, recordPreImages: false, validator: {}, collation: { locale: "simple" } },
  ...{ changeStreamPreAndPostImages: { enabled: false } },
  ...{ storageEngine: {}, indexOptionDefaults: {} },
};

/** True for the collation of plain byte order, which counts as none. */
function isSimple({ value }: RawField): boolean {
  const locale = rawFields(value).find(({ name }) => name === "locale");
  return locale !== undefined && decodedValue(locale) === "simple";
}

/** True for a field with the value that the server assumes anyway. Pure. */
export function isDefault(defaults: Readonly<Record<string, unknown>>, field: RawField): boolean {
  if (!Object.hasOwn(defaults, field.name)) return false;
  if (field.name === "collation") return field.type === bsonType.document && isSimple(field);
  const assumed = fieldOf(field.name, defaults[field.name]);
  if (assumed.type === bsonType.boolean) return isTrue(field) === isTrue(assumed);
  // The order of fields does not count in defaults that are documents.
  return assumed.type === bsonType.document
    ? filterMeaning(field) === filterMeaning(assumed)
    : valueMeaning(field) === valueMeaning(assumed);
}
