import { createHash } from "node:crypto";
import type { MongoClient } from "mongodb";
import { LockstepError } from "../../../errors.ts";
import { limits } from "../../../limits.ts";
import type { Log } from "../../../log.ts";
import { createDocumentSum } from "../../../mongo/bson/document-sum.ts";
import {
  type Catalogue,
  dataCollection,
  differences,
  findEntry,
  isCapped,
  readCatalogue,
} from "../../../mongo/catalogue/catalogue.ts";
import { type Digests, digestDatabase } from "../../../mongo/catalogue/digest.ts";
import type { DumpedCollection, Manifest } from "../../backup/manifest.ts";
import { createEmpty, type LoadTarget, loadCollection } from "./load.ts";
import { type Identity, releaseExpiry } from "./load-definitions.ts";

/** True when a collection has the documents of a file: in the file's order, or in any order where that is unknown. */
async function hasDocumentsOf(
  client: MongoClient,
  databaseName: string,
  source: string,
  entry: DumpedCollection,
): Promise<boolean> {
  const hash = createHash("sha256");
  const sum = createDocumentSum();
  const isOrdered = entry.sum === undefined;
  const order = isOrdered && !isCapped(entry) ? { sort: { _id: 1 }, hint: { _id: 1 } } : {};
  const cursor = client
    .db(databaseName)
    .runCursorCommand(
      { find: source, batchSize: limits.dumpBatchDocuments, ...order },
      { raw: true, readPreference: "primary" },
    );
  cursor.setBatchSize(limits.dumpBatchDocuments);
  for await (const raw of cursor) {
    const document = raw as unknown as Uint8Array;
    if (isOrdered) hash.update(document);
    else sum.add(document);
  }
  return isOrdered ? hash.digest("hex") === entry.sha256 : sum.text() === entry.sum;
}

/** True when the loaded data equals the dumped data, by the server's hash, or by ours where none is known. */
async function isEqual(
  target: LoadTarget,
  entry: DumpedCollection,
  digests: Digests,
): Promise<boolean> {
  const source = dataCollection(entry);
  if (source === null) return true;
  if (digests[source]?.count !== entry.documents) return false;
  if (entry.hash !== "") return digests[source]?.hash === entry.hash;
  return hasDocumentsOf(target.client, target.databaseName, source, entry);
}

/** @throws LockstepError `backup-mismatch` where the loaded data or its definitions are not those of the backup */
function requireEqual(words: readonly string[], dumped: Catalogue, found: Catalogue): void {
  const all = [...words, ...differences(dumped, found, { ignoreUuid: true })];
  if (all.length === 0) return;
  throw new LockstepError(
    "backup-mismatch",
    `expected a restored copy equal to the backup, found differences: ${all.join("; ")}: use another copy of this backup`,
    { differences: all },
  );
}

const dataDiffers = ({ name }: DumpedCollection) => `the data of "${name}" differs`;

/** The means of loading a copy into an empty claimed database. */
export type LoadDatabaseOptions = Omit<LoadTarget, "holdExpiry" | "isFresh"> & {
  readonly log: Log;
};

/**
 * Loads a whole backup into an empty claimed database, and proves that it equals the backup.
 * @returns the server's hashes of the loaded data
 * @throws LockstepError `backup-mismatch`
 */
export async function loadDatabase(
  options: LoadDatabaseOptions,
  directory: string,
  manifest: Manifest,
): Promise<Digests> {
  const target: LoadTarget = { ...options, holdExpiry: true, isFresh: true };
  const identities: Identity[] = [];
  for (const from of manifest.collections) {
    identities.push(await loadCollection(target, directory, manifest, from, from.name));
  }
  const { client, databaseName } = target;
  const digests = await digestDatabase(client, databaseName);
  const words: string[] = [];
  for (const entry of manifest.collections) {
    if (!(await isEqual(target, entry, digests))) words.push(dataDiffers(entry));
  }
  for (const [index, from] of manifest.collections.entries()) {
    await releaseExpiry(target, from, identities[index] ?? {});
  }
  requireEqual(words, manifest, await readCatalogue(client, databaseName));
  const { length } = manifest.collections;
  options.log.info({ database: databaseName, collections: length }, "copy verified");
  return digests;
}

/**
 * Makes all collections, indexes and views of a backup in an empty claimed database, without any documents.
 * @returns the identity of each collection, by its name
 * @throws LockstepError `backup-mismatch`
 */
export async function createDefinitions(
  options: LoadDatabaseOptions,
  manifest: Manifest,
): Promise<ReadonlyMap<string, Identity>> {
  const target: LoadTarget = { ...options, isFresh: true };
  const identities = new Map<string, Identity>();
  for (const from of manifest.collections) {
    identities.set(from.name, await createEmpty(target, from));
  }
  requireEqual([], manifest, await readCatalogue(options.client, options.databaseName));
  return identities;
}

/**
 * Loads one collection of a backup into a claimed database, and proves that it equals the backup.
 * @throws LockstepError `backup-mismatch`
 */
export async function loadEqual(
  options: LoadDatabaseOptions,
  directory: string,
  manifest: Manifest,
  from: DumpedCollection,
): Promise<void> {
  const target: LoadTarget = { ...options, holdExpiry: true, isFresh: true };
  const { client, databaseName } = target;
  const identity = await loadCollection(target, directory, manifest, from, from.name);
  const source = dataCollection(from);
  const digests = source === null ? {} : await digestDatabase(client, databaseName, [source]);
  const words = (await isEqual(target, from, digests)) ? [] : [dataDiffers(from)];
  await releaseExpiry(target, from, identity);
  const found = await findEntry(client, databaseName, from.name);
  requireEqual(words, { collections: [from] }, { collections: found ? [found] : [] });
}
