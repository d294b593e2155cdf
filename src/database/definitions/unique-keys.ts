import { type Document, type MongoClient, MongoServerError } from "mongodb";
import { limits } from "../../limits.ts";
import {
  bsonType,
  decodedValue,
  fieldOfBytes,
  isTrue,
  numberTypes,
  type RawField,
  rawFields,
  rawOptions,
} from "../../mongo/bson/raw-bson.ts";
import type { CollectionEntry } from "../../mongo/catalogue/catalogue.ts";
import { type Definition, definitionField } from "../../mongo/catalogue/definition.ts";
import { isNetworkTrouble } from "../../mongo/transient.ts";
import { pathsTo, valueAt } from "./index-duplicates.ts";

/** The indexes of a collection that no two documents may share a key of. Pure. */
export function uniqueIndexes({ indexes }: Pick<CollectionEntry, "indexes">): Definition[] {
  return indexes.filter((index) => isTrue(definitionField(index, "unique")));
}

const anyOf = (tests: readonly Document[]): Document => (tests[0] ? { $or: tests } : {});

/**
 * The stages that find a key that two documents may share, or a key of which only the index itself can tell: an index
 * holds each element of an array. They are null where that is so of all its keys. Pure.
 */
function stagesFor(index: Definition): Document[] | null {
  const keys = rawFields(definitionField(index, "key")?.value ?? new Uint8Array());
  const isPlain = ({ type, name }: RawField) => numberTypes.includes(type) && !name.includes("$**");
  if (keys.length === 0 || !keys.every(isPlain)) return null;
  const fields = keys.map(({ name }) => name);
  const partial = definitionField(index, "partialFilterExpression");
  const isSparse = isTrue(definitionField(index, "sparse"));
  const matches = [
    ...(partial ? [rawOptions([fieldOfBytes("$match", bsonType.document, partial.value)])] : []),
    ...(isSparse
      ? [{ $match: anyOf(fields.map((field) => ({ [field]: { $exists: true } }))) }]
      : []),
  ];
  // An index holds null for a field that is missing.
  const key = fields.map((field, at) => [`k${at}`, { $ifNull: [valueAt(field), null] }]);
  const arrays = fields.flatMap(pathsTo).map((path) => ({ $isArray: [valueAt(path)] }));
  const group = {
    _id: Object.fromEntries(key),
    count: { $sum: 1 },
    array: { $max: anyOf(arrays) },
  };
  const unclear = { $or: [{ count: { $gt: 1 } }, { array: true }] };
  return [...matches, { $group: group }, { $match: unclear }, { $limit: 1 }];
}

/**
 * True where the documents of a collection surely have different keys for an index, so that the server could build it
 * as a unique one. False where they share a key, or where only a build can tell.
 */
export async function haveUniqueKeys(
  client: MongoClient,
  databaseName: string,
  collection: string,
  index: Definition,
): Promise<boolean> {
  const pipeline = stagesFor(index);
  if (pipeline === null) return false;
  const collation = definitionField(index, "collation");
  try {
    const [unclear] = await client
      .db(databaseName)
      .runCursorCommand(
        {
          ...{ aggregate: collection, pipeline, cursor: {}, allowDiskUse: true },
          ...{ readConcern: { level: "majority" }, maxTimeMS: limits.indexBuildTimeMsMax },
          // Without one the collection's own would count.
          collation: collation ? decodedValue(collation) : { locale: "simple" },
        },
        { raw: true, readPreference: "primary" },
      )
      .toArray();
    return unclear === undefined;
  } catch (error) {
    // No query may name some fields that an index may have.
    if (error instanceof MongoServerError && !isNetworkTrouble(error)) return false;
    throw error;
  }
}
