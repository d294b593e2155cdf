import { bsonType, rawFields } from "../../mongo/bson/raw-bson.ts";
import type { CollectionEntry } from "../../mongo/catalogue/catalogue.ts";
import { bytesOfDefinition, type Definition } from "../../mongo/catalogue/definition.ts";

/** The names by which Extended JSON marks a value that JSON lacks. Metadata files are in Extended JSON. */
const marks = new Set([
  ...["$oid", "$symbol", "$numberInt", "$numberLong", "$numberDouble", "$numberDecimal", "$binary"],
  ...["$uuid", "$code", "$scope", "$timestamp", "$regularExpression", "$dbPointer", "$date"],
  ...["$minKey", "$maxKey", "$undefined"],
]);

/** Readers decide by the first name of a document alone whether it is such a mark. */
function hasMark(document: Uint8Array): boolean {
  return rawFields(document).some(({ name, type, value }, at) => {
    const isHolder = type === bsonType.document || type === bsonType.array;
    return (at === 0 && marks.has(name)) || (isHolder && hasMark(value));
  });
}

/**
 * The collections with a definition whose literal looks like such a mark: a metadata file cannot tell the two apart.
 * Pure.
 */
export function lookAlikes(
  collections: readonly Pick<CollectionEntry, "name" | "options" | "indexes">[],
): readonly string[] {
  const isUnsafe = (definition: Definition) => hasMark(bytesOfDefinition(definition));
  return collections
    .filter(({ options, indexes }) => [options, ...indexes].some(isUnsafe))
    .map(({ name }) => name);
}
