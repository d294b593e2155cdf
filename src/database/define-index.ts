import type { Document } from "mongodb";
import { conflict, define, includes, requirePlain } from "./define.ts";
import { documentsWith, duplicatesOf, notUnique } from "./index-duplicates.ts";
import { canonicalText, parseCanonical } from "./ordered-bson.ts";
import { moveProgress, nextOperation, type Runner } from "./runner.ts";
import type { IndexKeys, IndexOptions } from "./schema-context.ts";
import { hasCode, serverErrors } from "./server-errors.ts";

function keyMap(keys: IndexKeys): Map<string, unknown> {
  return new Map(Array.isArray(keys) ? keys : Object.entries(keys));
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
    if (duplicates.length > 0) throw notUnique(collection, index.name, duplicates);
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
  ).catch(async (error: unknown) => {
    // Only the build can see elements of arrays.
    if (!hasCode(error, serverErrors.duplicateKey)) throw error;
    const value = (error as { keyValue?: Document }).keyValue ?? {};
    const duplicates = [
      { value, documents: await documentsWith(runner, collection, value, index) },
    ];
    throw notUnique(collection, index.name, duplicates);
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
