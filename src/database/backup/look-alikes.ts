import { bsonType, rawFields } from "../../mongo/bson/raw-bson.ts";
import type { CollectionEntry } from "../../mongo/catalogue/catalogue.ts";
import { bytesOfDefinition, type Definition } from "../../mongo/catalogue/definition.ts";

/** Names by which Extended JSON, in which metadata files are written, marks a value that JSON lacks. */
const marks = new Set([
  ...["$oid", "$symbol", "$numberInt", "$numberLong", "$numberDouble", "$numberDecimal", "$binary"],
  ...["$uuid", "$code", "$scope", "$timestamp", "$regularExpression", "$dbPointer", "$date"],
  ...["$minKey", "$maxKey", "$undefined"],
]);

/** A document is read for a marked value by its first name alone. */
function hasMark(document: Uint8Array): boolean {
  return rawFields(document).some(({ name, type, value }, at) => {
    const isHolder = type === bsonType.document || type === bsonType.array;
    return (at === 0 && marks.has(name)) || (isHolder && hasMark(value));
  });
}

/** The collections with a literal in a definition that reads like such a mark, which no metadata file can tell apart. Pure. */
export function lookAlikes(
  collections: readonly Pick<CollectionEntry, "name" | "options" | "indexes">[],
): readonly string[] {
  const isUnsafe = (definition: Definition) => hasMark(bytesOfDefinition(definition));
  return collections
    .filter(({ options, indexes }) => [options, ...indexes].some(isUnsafe))
    .map(({ name }) => name);
}
