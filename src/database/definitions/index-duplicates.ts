import { BSON, type Document } from "mongodb";
import type { LockstepError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { elementsOf, fieldAt } from "../../mongo/bson/elements.ts";
import { idText } from "../../mongo/bson/typed-bytes.ts";
import type { Runner } from "../migration/runner.ts";
import type { IndexOptions } from "../migration/schema-context.ts";
import { schemaConflict } from "./define.ts";

/** One value that a unique index would refuse, and the first documents that have it. */
export interface Duplicate {
  /** The value by the names of the index's fields. A missing field counts as null. */
  readonly value: Document;
  readonly documents: readonly string[];
}

/** Values as Extended JSON, which has a text for each. */
const textOf = (value: Document) => BSON.EJSON.stringify(value, { relaxed: true });

/** The error that names the values and their documents. Pure. */
export function notUnique(
  collection: string,
  name: string,
  duplicates: readonly Duplicate[],
): LockstepError {
  const named = duplicates.map(({ value, documents }) =>
    documents.length === 0 ? textOf(value) : `${textOf(value)} in ${documents.join(", ")}`,
  );
  return schemaConflict(
    `index "${name}" of "${collection}" cannot be unique, these values occur more than once: ${named.join("; ")}: change or remove those documents first`,
    {
      collection,
      duplicates: duplicates.map((each) => ({ ...each, value: BSON.EJSON.serialize(each.value) })),
    },
  );
}

/** The paths of all parents of a field, and its own. Pure. */
export function pathsTo(field: string): readonly string[] {
  const names = field.split(".");
  return names.map((_, index) => names.slice(0, index + 1).join("."));
}

/**
 * The expression for a field's value where no array is on its path. It also reads names that are numbers or begin with
 * a dollar. Pure.
 */
export function valueAt(path: string): unknown {
  return path
    .split(".")
    .reduce<unknown>(
      (input, name) => ({ $getField: { field: { $literal: name }, input } }),
      "$$ROOT",
    );
}

/**
 * Searches the first values that occur in more than one document, as an index holds them. An index holds each element
 * of an array, so documents with an array on the path are left out.
 */
export async function duplicatesOf(
  { options }: Runner,
  collection: string,
  fields: readonly string[],
  { partialFilterExpression, sparse, collation }: IndexOptions,
): Promise<readonly Duplicate[]> {
  // An index holds null for a field that is missing.
  const group = Object.fromEntries(
    fields.map((field, index) => [`k${index}`, { $ifNull: [valueAt(field), null] }]),
  );
  const some = { $or: fields.map((field) => ({ [field]: { $exists: true } })) };
  const matches = [
    { $nor: fields.flatMap(pathsTo).map((path) => ({ [path]: { $type: "array" } })) },
    ...(partialFilterExpression ? [partialFilterExpression] : []),
    ...(sparse ? [some] : []),
  ];
  const documents = { $firstN: { input: "$_id", n: limits.offendingDocumentsMax } };
  const found = await options.client
    .db(options.databaseName)
    .collection(collection)
    .aggregate(
      [
        ...matches.map(($match) => ({ $match })),
        { $group: { _id: group, count: { $sum: 1 }, documents } },
        { $match: { count: { $gt: 1 } } },
        { $sort: { _id: 1 } },
        { $limit: limits.offendingDocumentsMax },
      ],
      {
        allowDiskUse: true,
        raw: true,
        ...(collation ? { collation: { ...collation } } : {}),
      } as Document,
    )
    .toArray();
  return (found as unknown as readonly Uint8Array[]).map((bytes) => {
    const { _id } = BSON.deserialize(bytes, { validation: { utf8: false } });
    const ids = elementsOf(fieldAt(bytes, "documents")?.value as Uint8Array);
    return {
      value: Object.fromEntries(fields.map((field, index) => [field, _id[`k${index}`]])),
      documents: ids.map(idText),
    };
  });
}
