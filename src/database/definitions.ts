import { type Document, UUID } from "mongodb";
import { LockstepError } from "../errors.ts";
import { limits } from "../limits.ts";
import { isNetworkTrouble } from "../store/transient.ts";
import { readCatalogue } from "./catalogue.ts";
import { fencedTransaction } from "./fenced-transaction.ts";
import type { Progress } from "./progress.ts";
import type { Runner } from "./schema-steps.ts";
import { hasCode } from "./server-errors.ts";

/** Creates a collection in a fenced transaction, and ends the operation with it. */
export async function addCollection(
  runner: Runner,
  name: string,
  next: Partial<Progress>,
): Promise<void> {
  const { options, progress } = runner;
  const { collections } = await readCatalogue(options.client, options.databaseName);
  const existing = collections.find((entry) => entry.name === name);
  if (existing && (existing.type !== "collection" || existing.options !== "{}")) {
    throw new LockstepError(
      "schema-conflict",
      `expected no collection "${name}" or a plain one, found ${existing.type} with options ${existing.options}`,
    );
  }
  const moved: Progress = { ...progress, ...next };
  await fencedTransaction(
    options,
    "add-collection",
    { field: options.progressField, ticks: progress.ticks, readConcern: "local" },
    async () => ({ prepared: undefined, progress: { ...moved } }),
    async (session) => {
      if (!existing) {
        await options.client.db(options.databaseName).createCollection(name, { session });
      }
    },
  );
  runner.progress = { ...moved, ticks: progress.ticks + 1 };
}

type Keys = Readonly<Record<string, 1 | -1>> | readonly (readonly [string, 1 | -1])[];

function keyMap(keys: Keys): Map<string, 1 | -1> {
  return new Map(Array.isArray(keys) ? keys : Object.entries(keys));
}

/** The first values that a unique index would refuse. */
async function duplicatesOf(
  runner: Runner,
  collection: string,
  keys: ReadonlyMap<string, 1 | -1>,
): Promise<readonly unknown[]> {
  const fields = [...keys.keys()];
  const group = Object.fromEntries(fields.map((field, index) => [`k${index}`, `$${field}`]));
  const found = await runner.options.client
    .db(runner.options.databaseName)
    .collection(collection)
    .aggregate(
      [
        { $group: { _id: group, count: { $sum: 1 } } },
        { $match: { count: { $gt: 1 } } },
        { $sort: { _id: 1 } },
        { $limit: limits.offendingDocumentsMax },
      ],
      { allowDiskUse: true },
    )
    .toArray();
  return found.map(({ _id }) => _id as unknown);
}

/** Builds an index on exactly the collection that is there now, and reads the catalogue back. */
export async function addIndex(
  runner: Runner,
  collection: string,
  keys: Keys,
  index: { readonly name: string; readonly unique?: boolean },
): Promise<void> {
  const { options } = runner;
  const map = keyMap(keys);
  if (index.unique) {
    const duplicates = await duplicatesOf(runner, collection, map);
    if (duplicates.length > 0) {
      throw new LockstepError(
        "schema-conflict",
        `index "${index.name}" of "${collection}" cannot be unique: ${JSON.stringify(duplicates)} occur more than once`,
        { collection, duplicates },
      );
    }
  }
  for (let attempt = 1; ; attempt += 1) {
    options.signal.throwIfAborted();
    options.mastership.signal.throwIfAborted();
    const { collections } = await readCatalogue(options.client, options.databaseName);
    const entry = collections.find(({ name }) => name === collection);
    if (!entry) {
      throw new LockstepError(
        "schema-conflict",
        `expected a collection "${collection}", found none`,
      );
    }
    const spec = { key: map, name: index.name, ...(index.unique ? { unique: true } : {}) };
    const found = entry.indexes.map((text) => JSON.parse(text) as Document);
    const same = found.find((candidate) => candidate["name"] === index.name);
    if (same) {
      const equal =
        JSON.stringify(Object.keys(same["key"] as object)) === JSON.stringify([...map.keys()]) &&
        Boolean(same["unique"]) === Boolean(index.unique);
      if (equal) return;
      throw new LockstepError(
        "schema-conflict",
        `another index of "${collection}" is named "${index.name}": name this one differently`,
      );
    }
    try {
      await options.seam.write("add-index", () =>
        options.client.db(options.databaseName).command({
          createIndexes: collection,
          indexes: [spec],
          collectionUUID: new UUID(entry.uuid),
          commitQuorum: "majority",
          maxTimeMS: limits.indexBuildTimeMsMax,
          writeConcern: { w: "majority" },
          comment: `lockstep:${options.mastership.epoch}:${options.upgrade}`,
        }),
      );
    } catch (error) {
      // The outcome is unknown or the collection was swapped: the catalogue is read again.
      const again = isNetworkTrouble(error) || hasCode(error, 361);
      if (!again || attempt >= limits.transactionAttemptsMax) throw error;
    }
  }
}
