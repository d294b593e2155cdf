import { rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { SavedWrites } from "../../../machines/vocabulary.ts";
import { isLockstepError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import type { Log } from "../../log.ts";
import {
  asFileTrouble,
  createPrivateFolder,
  openPrivateFile,
  readJsonFile,
  syncPath,
  writeFileAtomic,
} from "../../ports/files.ts";
import { endingsOf } from "../backup/dump/dump-files.ts";
import { fileNameOf } from "../backup/dump/file-names.ts";
import { isOfRestore } from "../restore/restore-names.ts";
import { type ForeignWritesOptions, foreignEvents } from "./foreign-writes.ts";

/** The saved writes on the host of this agent, which the caller names. */
type SavedHere = Omit<SavedWrites, "agent">;

/** The last state of each document, by its collection and its `_id`; null for one that was deleted. */
type Found = Map<string, Map<string, Uint8Array | null>>;

/** The documents that others wrote since T, or null where that cannot be said, or where they are too many to hold. */
async function findDocuments(options: ForeignWritesOptions): Promise<Found | null> {
  const found: Found = new Map();
  let bytes = 0;
  try {
    for await (const { collection, operation, key, document } of foreignEvents(options, true)) {
      if (key === undefined) continue;
      const ofCollection = found.get(collection) ?? new Map<string, Uint8Array | null>();
      found.set(collection, ofCollection);
      const id = `${key.type}:${Buffer.from(key.value).toString("base64")}`;
      if (operation === "delete") ofCollection.set(id, null);
      // A document that was deleted since is not there to be looked up.
      else if (document !== undefined && document.value.length > 1) {
        bytes += document.value.length;
        ofCollection.set(id, Uint8Array.from(document.value));
      }
      if (bytes > limits.savedBytesHeldMax) return null;
    }
  } catch (error) {
    // The oplog no longer reaches back to T, or an event of a large document is too large.
    if (!isLockstepError(error, "foreign-writes")) throw error;
    return null;
  }
  return found;
}

/** Every document of every collection, for the case that nobody knows which of them others wrote. */
async function* everything({ client, databaseName }: ForeignWritesOptions) {
  const database = client.db(databaseName);
  const collections = await database.listCollections({ type: "collection" }).toArray();
  for (const { name } of collections) {
    if (name.startsWith("system.") || isOfRestore(name)) continue;
    yield [name, database.collection(name).find({}, { raw: true })] as const;
  }
}

function* documentsIn(found: Found) {
  for (const [name, documents] of found) {
    const present = [...documents.values()].filter((document) => document !== null);
    if (present.length > 0) yield [name, present] as const;
  }
}

async function writeCollection(
  folder: string,
  collection: string,
  documents: Iterable<Uint8Array> | AsyncIterable<unknown>,
): Promise<number> {
  const path = join(folder, fileNameOf(collection));
  const { data, metadata } = endingsOf({});
  const text = JSON.stringify({ indexes: [], collectionName: collection, type: "collection" });
  await writeFileAtomic(`${path}${metadata}`, text);
  const handle = await openPrivateFile(`${path}${data}`);
  let count = 0;
  try {
    for await (const document of documents as AsyncIterable<Uint8Array>) {
      await handle.appendFile(document);
      count += 1;
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
  return count;
}

/**
 * Saves the documents that others have written since T, in mongodump's form, before a restore takes them back. A
 * document is saved as it was inserted, or as it is now where it was updated. Where nobody can say which documents
 * these are, all documents of the database are saved. An attempt that has saved them before saves nothing again.
 * @param directory the folder to make. Its parent may be missing
 * @throws LockstepError `disk-full`, `file-trouble`
 */
export async function saveForeignWrites(
  options: ForeignWritesOptions & { readonly directory: string; readonly log: Log },
): Promise<SavedHere> {
  const { directory, databaseName, signal, log } = options;
  const record = `${directory}.json`;
  const before = await readJsonFile<SavedHere>(record);
  if (before) return before;
  const found = await findDocuments(options);
  if (found === null)
    log.warn({}, "it is not known which documents others wrote: all of them are saved");
  const partial = `${directory}.partial`;
  let documents = 0;
  try {
    await rm(partial, { recursive: true, force: true });
    await createPrivateFolder(join(partial, databaseName));
    for await (const [name, held] of found ? documentsIn(found) : everything(options)) {
      signal.throwIfAborted();
      documents += await writeCollection(join(partial, databaseName), name, held);
    }
    await rm(directory, { recursive: true, force: true });
    if (documents > 0) await rename(partial, directory);
    else await rm(partial, { recursive: true, force: true });
    await syncPath(dirname(directory));
  } catch (error) {
    throw asFileTrouble(partial, error);
  }
  const deleted = [...(found?.values() ?? [])].flatMap((ofCollection) => [
    ...ofCollection.values(),
  ]);
  const saved: SavedHere = {
    path: documents > 0 ? directory : null,
    documents,
    deletions: deleted.filter((document) => document === null).length,
  };
  await writeFileAtomic(record, JSON.stringify(saved));
  return saved;
}
