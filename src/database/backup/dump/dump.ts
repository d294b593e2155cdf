import { createHash } from "node:crypto";
import { rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Document, type MongoClient, MongoServerError, UUID } from "mongodb";
import { LockstepError, messageOf } from "../../../errors.ts";
import { limits } from "../../../limits.ts";
import type { Log } from "../../../log.ts";
import {
  type Catalogue,
  type CollectionEntry,
  dataCollection,
  isCapped,
} from "../../../mongo/catalogue/catalogue.ts";
import type { Digests } from "../../../mongo/catalogue/digest.ts";
import type { WithMember } from "../../../mongo/members.ts";
import { hasCode, serverErrors } from "../../../mongo/server-errors.ts";
import { isNetworkTrouble } from "../../../mongo/transient.ts";
import type { FaultPoints } from "../../../ports/fault-point.ts";
import {
  createPrivateFolder,
  isFull,
  openPrivateFile,
  readJsonFile,
  syncPath,
  writeFileAtomic,
} from "../../../ports/files.ts";
import { historyError } from "../../history/history-error.ts";
import { parseBackupTime } from "../backup-time.ts";
import {
  type DumpedCollection,
  type Manifest,
  manifestDigest,
  manifestFormat,
  manifestName,
  markerName,
  metadataOf,
  sealed,
} from "../manifest.ts";
import { partialEnding } from "../retention.ts";
import { appendDumpFile, endingsOf } from "./dump-files.ts";
import { fileNameOf } from "./file-names.ts";
import { verifyDump } from "./verify-dump.ts";

export interface DumpOptions {
  /** A client of the member from which the copy is read. */
  readonly client: MongoClient;
  /** Asks members why they no longer read at T. */
  readonly withMember: WithMember;
  readonly databaseName: string;
  readonly time: string;
  readonly catalogue: Catalogue;
  /** The number of documents of each collection at T, and its hash where it is known. */
  readonly digest: Digests;
  readonly directory: string;
  readonly backupId: string;
  readonly fleet: string;
  /** The version of the data. */
  readonly version: string;
  /** True where the partial folder was made for this dump alone, and no dump of that name exists. */
  readonly isClaimed?: boolean;
  /** mongodump's gzip form: smaller and slower. */
  readonly gzip?: boolean;
  /** Gets the number of bytes of each write. */
  onBytes?(bytes: number): void;
  readonly faultPoints: FaultPoints;
  readonly signal: AbortSignal;
  readonly log: Log;
}

/** The query for all documents of a collection, in a fixed order. */
function findOf(source: string, entry: CollectionEntry, time: string): Document {
  const identity = {
    find: source,
    batchSize: limits.dumpBatchDocuments,
    // A collection dropped after T would read as empty: its UUID makes that an error.
    collectionUUID: new UUID(entry.uuid),
  };
  // The server refuses a snapshot of a capped collection. With all gates shut, its order of insertion stays.
  if (isCapped(entry)) return { ...identity, readConcern: { level: "majority" } };
  return {
    ...identity,
    sort: { _id: 1 },
    hint: { _id: 1 },
    readConcern: { level: "snapshot", atClusterTime: parseBackupTime(time) },
  };
}

/** Dumps one collection at the time T, byte for byte. The count proves that it is complete. */
async function dumpCollection(
  options: DumpOptions,
  entry: CollectionEntry,
  folder: string,
): Promise<DumpedCollection> {
  const file = fileNameOf(entry.name);
  const source = dataCollection(entry);
  const dumped =
    source === null
      ? { dataFile: null, bytes: 0, documents: 0, sha256: "", hash: "" }
      : await dumpDocuments(options, entry, source, folder);
  const { metadata } = endingsOf(options);
  await writeMetadata(join(folder, `${file}${metadata}`), metadataOf(entry), options);
  return { ...entry, file, ...dumped };
}

async function writeMetadata(path: string, text: string, { gzip }: DumpOptions): Promise<void> {
  const handle = await openPrivateFile(path);
  try {
    await appendDumpFile(handle, Buffer.from(text), gzip === true);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function dumpDocuments(
  options: DumpOptions,
  entry: CollectionEntry,
  source: string,
  folder: string,
): Promise<Pick<DumpedCollection, "dataFile" | "bytes" | "documents" | "sha256" | "hash">> {
  const { client, databaseName, signal } = options;
  const expected = options.digest[source];
  const dataFile = fileNameOf(source);
  const hash = createHash("sha256");
  let bytes = 0;
  let documents = 0;
  const handle = await openPrivateFile(join(folder, `${dataFile}${endingsOf(options).data}`));
  const session = client.startSession({ causalConsistency: false });
  try {
    const cursor = client.db(databaseName).runCursorCommand(findOf(source, entry, options.time), {
      raw: true,
      session,
      readPreference: isCapped(entry) ? "primary" : "secondaryPreferred",
    });
    cursor.setBatchSize(limits.dumpBatchDocuments);
    let chunk: Uint8Array[] = [];
    let chunkBytes = 0;
    const flush = async () => {
      if (chunkBytes === 0) return;
      const whole = Buffer.concat(chunk, chunkBytes);
      hash.update(whole);
      await appendDumpFile(handle, whole, options.gzip === true);
      bytes += chunkBytes;
      options.onBytes?.(chunkBytes);
      chunk = [];
      chunkBytes = 0;
    };
    for await (const raw of cursor) {
      // The documents of a batch share a buffer that the driver keeps. `concat` copies them in time.
      const document = raw as unknown as Uint8Array;
      chunk.push(document);
      chunkBytes += document.length;
      documents += 1;
      if (chunkBytes >= limits.dumpChunkBytes) {
        signal.throwIfAborted();
        await flush();
      }
    }
    await flush();
    // An empty file is no gzip file.
    if (bytes === 0 && options.gzip) await appendDumpFile(handle, Buffer.alloc(0), true);
    await handle.sync();
  } finally {
    await handle.close();
    await session.endSession();
  }
  if (expected === undefined || documents !== expected.count) {
    throw new LockstepError(
      "backup-failed",
      `the dump of "${entry.name}" has ${documents} documents, expected ${expected?.count}`,
      { collection: entry.name },
    );
  }
  return { dataFile, bytes, documents, sha256: hash.digest("hex"), hash: expected.hash };
}

/**
 * The server's errors where T is older than its history, or where the collection is younger than T or another one.
 */
const goneCodes = [
  serverErrors.snapshotTooOld,
  serverErrors.snapshotUnavailable,
  serverErrors.collectionUuidMismatch,
];

/** Gives an error of the server or the disk a code. Any other error stays as it is. */
export function dumpError(cause: unknown): unknown {
  if (isNetworkTrouble(cause)) return cause;
  const isFile = cause instanceof Error && "syscall" in cause;
  if (!(cause instanceof MongoServerError) && !isFile) return cause;
  const code = isFile
    ? isFull(cause)
      ? "disk-full"
      : "backup-failed"
    : hasCode(cause, ...goneCodes)
      ? "moment-gone"
      : "backup-failed";
  return new LockstepError(code, `the dump failed: ${messageOf(cause)}`, {}, { cause });
}

/**
 * Dumps a database at the time T into mongodump's directory form, with our manifest. An equal dump that exists is a
 * success.
 * @throws LockstepError `moment-gone` when T can no longer be read, `backup-failed`, `disk-full`, `file-trouble`
 */
export async function dumpDatabase(options: DumpOptions): Promise<Manifest> {
  const { directory } = options;
  const partial = `${directory}${partialEnding}`;
  try {
    const existing = await readJsonFile<Manifest>(join(directory, manifestName));
    if (existing?.time === options.time) return await verifyDump(directory);
    if (!options.isClaimed) {
      await rm(partial, { recursive: true, force: true });
      await rm(directory, { recursive: true, force: true });
    }
    return await dumpInto(options, partial);
  } catch (error) {
    // The remains would take the room that is missing.
    await rm(partial, { recursive: true, force: true }).catch(() => {});
    throw dumpError(await historyError(options, error));
  }
}

async function dumpInto(options: DumpOptions, partial: string): Promise<Manifest> {
  const { directory, databaseName, faultPoints } = options;
  const folder = join(partial, databaseName);
  // The marker comes first, so that the remains of a killed process do not look like a dump of another tool.
  await writeFileAtomic(
    join(partial, markerName),
    `${JSON.stringify({ about: `a backup by Lockstep: without its ${manifestName} it is unfinished` })}\n`,
  );
  await createPrivateFolder(folder);
  const collections: DumpedCollection[] = [];
  for (const entry of options.catalogue.collections) {
    options.signal.throwIfAborted();
    collections.push(
      await faultPoints.write("dump-collection", () => dumpCollection(options, entry, folder)),
    );
  }
  const { version } = await options.client.db("admin").command({ buildInfo: 1 });
  const manifest = sealed({
    format: manifestFormat,
    backupId: options.backupId,
    fleet: options.fleet,
    databaseName,
    version: options.version,
    time: options.time,
    serverVersion: String(version),
    gzip: options.gzip === true,
    collections,
    digest: manifestDigest(collections),
  });
  await syncPath(folder);
  await writeFileAtomic(join(partial, manifestName), `${JSON.stringify(manifest, null, 2)}\n`);
  await faultPoints.write("dump-complete", async () => {
    await rename(partial, directory);
    await syncPath(dirname(directory));
  });
  options.log.info(
    { bytes: collections.reduce((sum, { bytes }) => sum + bytes, 0), digest: manifest.digest },
    "copy made",
  );
  return manifest;
}
