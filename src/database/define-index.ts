import type { Document } from "mongodb";
import { messageOf } from "../errors.ts";
import { limits } from "../limits.ts";
import { conflict, define, includes, requirePlain } from "./define.ts";
import { canonicalText, parseCanonical } from "./ordered-bson.ts";
import { moveProgress, nextOperation, type Runner } from "./runner.ts";
import type { IndexKeys, IndexOptions } from "./schema-context.ts";
import { hasCode, serverErrors } from "./server-errors.ts";

function keyMap(keys: IndexKeys): Map<string, unknown> {
  return new Map(Array.isArray(keys) ? keys : Object.entries(keys));
}

/** The first values that a unique index would refuse, looked for as the index will look. */
async function duplicatesOf(
  runner: Runner,
  collection: string,
  keys: ReadonlyMap<string, unknown>,
  { partialFilterExpression, sparse, collation }: IndexOptions,
): Promise<readonly unknown[]> {
  const fields = [...keys.keys()];
  const group = Object.fromEntries(fields.map((field, index) => [`k${index}`, `$${field}`]));
  const some = { $or: fields.map((field) => ({ [field]: { $exists: true } })) };
  const matches = [
    ...(partialFilterExpression ? [partialFilterExpression] : []),
    ...(sparse ? [some] : []),
  ];
  const found = await runner.options.client
    .db(runner.options.databaseName)
    .collection(collection)
    .aggregate(
      [
        ...matches.map(($match) => ({ $match })),
        { $group: { _id: group, count: { $sum: 1 } } },
        { $match: { count: { $gt: 1 } } },
        { $sort: { _id: 1 } },
        { $limit: limits.offendingDocumentsMax },
      ],
      { allowDiskUse: true, ...(collation ? { collation: { ...collation } } : {}) } as Document,
    )
    .toArray();
  return found.map(({ _id }) => _id as unknown);
}

/** Builds an index on exactly the collection that was there when the operation began. */
export async function addIndex(
  runner: Runner,
  collection: string,
  keys: IndexKeys,
  index: IndexOptions,
): Promise<void> {
  const key = keyMap(keys);
  const asText = [...key.values()].includes("text");
  if (index.unique) {
    const duplicates = await duplicatesOf(runner, collection, key, index);
    if (duplicates.length > 0) {
      throw conflict(
        `index "${index.name}" of "${collection}" cannot be unique: ${JSON.stringify(duplicates)} occur more than once`,
        { collection, duplicates },
      );
    }
  }
  await define(
    runner,
    "add-index",
    (entries) => {
      const entry = requirePlain(
        entries.find(({ name }) => name === collection),
        collection,
      );
      const same = entry.indexes
        .map((text) => parseCanonical(text) as Map<string, unknown>)
        .find((found) => found.get("name") === index.name);
      if (!same) return false;
      const keyText = canonicalText([...(same.get("key") as Map<string, unknown>).keys()]);
      const equal =
        (asText || keyText === canonicalText([...key.keys()])) &&
        includes(same, asText ? index : { ...index, key }) &&
        Boolean(same.get("unique")) === Boolean(index.unique);
      if (equal) return true;
      throw conflict(
        `another index of "${collection}" is named "${index.name}": name this one differently`,
      );
    },
    (collectionUUID) => ({
      database: "application",
      command: {
        createIndexes: collection,
        indexes: [{ ...index, key }],
        collectionUUID,
        commitQuorum: "majority",
      },
    }),
  ).catch((error: unknown) => {
    // What only the build can see: elements of arrays, a null beside a missing field.
    if (!hasCode(error, serverErrors.duplicateKey)) throw error;
    const duplicates = [(error as { keyValue?: unknown }).keyValue ?? messageOf(error)];
    throw conflict(
      `index "${index.name}" of "${collection}" cannot be unique: ${JSON.stringify(duplicates)} occur more than once`,
      { collection, duplicates },
    );
  });
  await moveProgress(runner, "operation-end", nextOperation(runner));
}

/** Drops an index by its name; one that is not there is a success. */
export async function dropIndex(runner: Runner, collection: string, name: string): Promise<void> {
  await define(
    runner,
    "drop-index",
    (entries) => {
      const entry = requirePlain(
        entries.find((candidate) => candidate.name === collection),
        collection,
      );
      return !entry.indexes.some(
        (text) => (parseCanonical(text) as Map<string, unknown>).get("name") === name,
      );
    },
    (collectionUUID) => ({
      database: "application",
      command: { dropIndexes: collection, index: name, collectionUUID },
    }),
  );
  await moveProgress(runner, "operation-end", nextOperation(runner));
}
