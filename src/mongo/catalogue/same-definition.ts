import { BSON, type Db } from "mongodb";
import {
  bsonType,
  decodedValue,
  fieldOf,
  fieldOfBytes,
  isTrue,
  type RawField,
  rawDocument,
  rawFields,
} from "../bson/raw-bson.ts";
import { type Definition, definitionField, definitionFields } from "./definition.ts";
import { indexDefaults, isDefault, optionDefaults } from "./definition-defaults.ts";
import { filterMeaning, projectionMeaning, valueMeaning } from "./meaning.ts";

/** Options as the driver would send them, without undefined ones. Pure. */
export function bytesOfOptions(options: object): Uint8Array {
  return BSON.serialize(options, { ignoreUndefined: true });
}

/** The defaults of `create` for a collation. `createIndexes` takes the locale's own defaults. */
export const collationOfCreate = {
  ...{ caseLevel: false, caseFirst: "off", strength: 3, numericOrdering: false },
  ...{ alternate: "non-ignorable", maxVariable: "punct", normalization: false },
} as const;

/** Lets the server complete a collation, since the defaults of locales differ. A simple collation is none. */
export async function completedCollation(
  database: Db,
  collation: object | undefined,
): Promise<RawField | null> {
  if (collation === undefined) return null;
  if ((collation as { readonly locale?: unknown }).locale === "simple") return null;
  const explained = await database.command(
    // The collection need not exist, since nothing is read.
    { explain: { find: "lockstep_collation", collation }, verbosity: "queryPlanner" },
    { promoteValues: false },
  );
  return fieldOf("collation", explained["queryPlanner"].collation);
}

/** The meanings of fields by their names, without those that hold the server's defaults. */
type Meanings = ReadonlyMap<string, string>;

function areEqual(left: Meanings, right: Meanings): boolean {
  return left.size === right.size && [...left].every(([name, text]) => right.get(name) === text);
}

/** Fields that do not tell indexes apart, as versions: the server takes such an index for the same. */
const indexFieldsIgnored = [
  ...["v", "ns", "name", "background", "dropDups", "textIndexVersion", "2dsphereIndexVersion"],
];

/** The key and the weights of a text index as the server stores them. */
function asStored(fields: readonly RawField[]): readonly RawField[] {
  const key = fields.find(({ name }) => name === "key");
  const keys = key === undefined ? [] : rawFields(key.value);
  const isText = (field: RawField) =>
    field.type === bsonType.string && String(decodedValue(field)) === "text";
  const isStored = keys.some(({ name }) => name === "_fts");
  if (isStored || !keys.some(isText)) return fields;
  const first = keys.findIndex(isText);
  const plain = keys.filter((field) => !isText(field));
  const stored = [
    ...plain.filter((field) => keys.indexOf(field) < first),
    ...[fieldOf("_fts", "text"), fieldOf("_ftsx", 1)],
    ...plain.filter((field) => keys.indexOf(field) > first),
  ];
  const given = fields.find(({ name }) => name === "weights");
  const weights = new Map(keys.filter(isText).map(({ name }) => [name, fieldOf(name, 1)]));
  for (const field of given === undefined ? [] : rawFields(given.value)) {
    weights.set(field.name, field);
  }
  return [
    ...fields.filter(({ name }) => name !== "key" && name !== "weights"),
    fieldOfBytes("key", bsonType.document, rawDocument(stored)),
    fieldOfBytes("weights", bsonType.document, rawDocument([...weights.values()])),
  ];
}

/** The server keeps any number that is not zero as true. */
const flags = ["unique", "sparse", "hidden", "prepareUnique"];

function indexFieldMeaning(field: RawField): string {
  if (flags.includes(field.name)) return String(isTrue(field));
  if (field.name === "partialFilterExpression") return filterMeaning(field);
  if (field.name === "wildcardProjection") return projectionMeaning(field);
  // As in a filter, the order does not count.
  if (field.name === "weights") return filterMeaning(field);
  if (field.name === "expireAfterSeconds") return `${Math.trunc(Number(decodedValue(field)))}`;
  return valueMeaning(field);
}

function indexMeanings(fields: readonly RawField[]): Meanings {
  const counted = asStored(fields).filter(
    (field) => !indexFieldsIgnored.includes(field.name) && !isDefault(indexDefaults, field),
  );
  return new Map(counted.map((field) => [field.name, indexFieldMeaning(field)]));
}

/** The fields of the wanted index, with the collation that the server completes. */
function askedFields(asked: Uint8Array, collation: RawField | null): readonly RawField[] {
  const fields = rawFields(asked).filter(({ name }) => name !== "collation");
  return collation === null ? fields : [...fields, collation];
}

/** True where an index equals the wanted one, apart from its name. Pure. */
export function isSameIndex(
  found: Definition,
  asked: Uint8Array,
  collation: RawField | null,
): boolean {
  const wanted = askedFields(asked, collation);
  return areEqual(indexMeanings(definitionFields(found)), indexMeanings(wanted));
}

const collectionDefaults: Readonly<Record<string, unknown>> = {
  ...optionDefaults,
  ...{ autoIndexId: true, validationLevel: "strict", validationAction: "error" },
};

/** A clustered index without the fields that the server adds. */
function clusteredMeaning({ value }: RawField): string {
  const fields = rawFields(value).filter(
    (field) => field.name !== "v" && !isDefault({ name: "_id_" }, field),
  );
  return filterMeaning(fieldOfBytes("", bsonType.document, rawDocument(fields)));
}

function collectionMeanings(fields: readonly RawField[]): Meanings {
  const counted = fields.filter((field) => !isDefault(collectionDefaults, field));
  return new Map(
    counted.map((field) => {
      if (field.name === "validator") return [field.name, filterMeaning(field)];
      if (field.name === "clusteredIndex") return [field.name, clusteredMeaning(field)];
      return [field.name, indexFieldMeaning(field)];
    }),
  );
}

/** True where a collection has the wanted options. Pure. */
export function hasOptions(
  found: Definition,
  asked: Uint8Array,
  collation: RawField | null,
): boolean {
  const wanted = askedFields(asked, collation);
  return areEqual(collectionMeanings(definitionFields(found)), collectionMeanings(wanted));
}

/** The collation that a collection's indexes inherit. Pure. */
export function inheritedCollation(options: Definition): RawField | null {
  return definitionField(options, "collation") ?? null;
}

/** True where a collection has exactly this validator. Pure. */
export function hasValidator(options: Definition, asked: Uint8Array): boolean {
  const names = ["validator", "validationLevel", "validationAction"];
  const found = definitionFields(options).filter(({ name }) => names.includes(name));
  return areEqual(collectionMeanings(found), collectionMeanings(rawFields(asked)));
}
