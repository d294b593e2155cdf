import { createHash } from "node:crypto";
import type { MongoClient } from "mongodb";
import { LockstepError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import type { Log } from "../../log.ts";
import { createDocumentSum } from "../../mongo/bson/document-sum.ts";
import {
  dataCollection,
  differences,
  isCapped,
  readCatalogue,
} from "../../mongo/catalogue/catalogue.ts";
import { type Digests, digestDatabase } from "../../mongo/catalogue/digest.ts";
import type { DumpedCollection, Manifest } from "../backup/manifest.ts";
import { type Identity, type LoadTarget, loadCollection, releaseExpiry } from "./load.ts";

/** True when a collection has the documents of a file: in its order, or where that is not known, in any. */
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

/** True when what was loaded is what was dumped: by the server's hash, or where none is known, by ours. */
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

/**
 * Loads a whole backup into an empty database that is claimed for it, and proves that it is what was backed up.
 * @returns the server's hashes of what was loaded
 * @throws LockstepError `backup-mismatch`
 */
export async function loadDatabase(
  options: Omit<LoadTarget, "holdExpiry" | "isFresh"> & { readonly log: Log },
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
    if (!(await isEqual(target, entry, digests))) words.push(`the data of "${entry.name}" differs`);
  }
  for (const [index, from] of manifest.collections.entries()) {
    await releaseExpiry(target, from, identities[index] ?? {});
  }
  const catalogue = await readCatalogue(client, databaseName);
  const expected = { collections: manifest.collections };
  words.push(...differences(expected, catalogue, { ignoreUuid: true }));
  if (words.length > 0) {
    throw new LockstepError(
      "backup-mismatch",
      `the restored copy is not what was backed up: ${words.join("; ")}`,
      { differences: words },
    );
  }
  options.log.info({ databaseName, collections: manifest.collections.length }, "copy verified");
  return digests;
}
