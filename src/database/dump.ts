import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type MongoClient, MongoServerError, UUID } from "mongodb";
import { LockstepError, messageOf } from "../errors.ts";
import { limits } from "../limits.ts";
import type { Log } from "../log.ts";
import { readJsonFile, syncPath, writeFileAtomic } from "../ports/files.ts";
import type { Seam } from "../ports/seam.ts";
import { parseBackupTime } from "./backup-time.ts";
import type { Catalogue, CollectionEntry } from "./catalogue.ts";
import type { Digests } from "./digest.ts";
import {
  type DumpedCollection,
  escapeName,
  type Manifest,
  manifestDigest,
  manifestName,
} from "./manifest.ts";

export interface DumpOptions {
  /** A client of the member to read from. */
  readonly client: MongoClient;
  readonly databaseName: string;
  readonly time: string;
  readonly catalogue: Catalogue;
  readonly digest: Digests;
  readonly directory: string;
  readonly backupId: string;
  readonly seam: Seam;
  readonly signal: AbortSignal;
  readonly log: Log;
}

function metadataOf({ name, uuid, options, indexes, type }: CollectionEntry): string {
  const idIndex = '{"v":{"$numberInt":"2"},"key":{"_id":{"$numberInt":"1"}},"name":"_id_"}';
  return `{"indexes":[${[idIndex, ...indexes].join(",")}],"uuid":"${uuid}","collectionName":${JSON.stringify(name)},"type":"${type}","options":${options}}`;
}

/** Dumps one collection at the time T, byte for byte; its end is proven by the count. */
async function dumpCollection(
  options: DumpOptions,
  entry: CollectionEntry,
  folder: string,
): Promise<DumpedCollection> {
  const { client, databaseName, signal } = options;
  const expected = options.digest[entry.name];
  const file = escapeName(entry.name);
  const hash = createHash("sha256");
  let bytes = 0;
  let documents = 0;
  const handle = await open(join(folder, `${file}.bson`), "w");
  const session = client.startSession({ causalConsistency: false });
  try {
    const cursor = client.db(databaseName).runCursorCommand(
      {
        find: entry.name,
        sort: { _id: 1 },
        hint: { _id: 1 },
        batchSize: limits.dumpBatchDocuments,
        // A collection dropped after T would read as empty: its UUID makes that an error.
        collectionUUID: new UUID(entry.uuid),
        readConcern: { level: "snapshot", atClusterTime: parseBackupTime(options.time) },
      },
      { raw: true, session, readPreference: "secondaryPreferred" },
    );
    cursor.setBatchSize(limits.dumpBatchDocuments);
    let chunk: Uint8Array[] = [];
    let chunkBytes = 0;
    const flush = async () => {
      if (chunkBytes === 0) return;
      const whole = Buffer.concat(chunk, chunkBytes);
      hash.update(whole);
      await handle.write(whole);
      bytes += chunkBytes;
      chunk = [];
      chunkBytes = 0;
    };
    for await (const raw of cursor) {
      // Bytes of a batch share one buffer that the driver keeps: they are copied by concat in time.
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
  await writeFileAtomic(join(folder, `${file}.metadata.json`), metadataOf(entry));
  const sha256 = hash.digest("hex");
  return { ...entry, file, bytes, documents, sha256, hash: expected.hash };
}

/**
 * Dumps a database at the time T into mongodump's directory form, with our manifest.
 * An equal dump that is there already is a success.
 * @throws LockstepError `backup-failed`
 */
export async function dumpDatabase(options: DumpOptions): Promise<Manifest> {
  const { directory, databaseName, seam } = options;
  const existing = await readJsonFile<Manifest>(join(directory, manifestName));
  if (existing?.time === options.time) return verifyDump(directory);
  const partial = `${directory}.partial`;
  await rm(partial, { recursive: true, force: true });
  await rm(directory, { recursive: true, force: true });
  const folder = join(partial, escapeName(databaseName));
  await mkdir(folder, { recursive: true });
  const collections: DumpedCollection[] = [];
  try {
    for (const entry of options.catalogue.collections) {
      options.signal.throwIfAborted();
      collections.push(
        await seam.write("dump-collection", () => dumpCollection(options, entry, folder)),
      );
    }
  } catch (error) {
    if (error instanceof MongoServerError) {
      throw new LockstepError(
        "backup-failed",
        `the dump failed: ${messageOf(error)}`,
        {},
        {
          cause: error,
        },
      );
    }
    throw error;
  }
  const { version } = await options.client.db("admin").command({ buildInfo: 1 });
  const manifest: Manifest = {
    format: 1,
    backupId: options.backupId,
    databaseName,
    time: options.time,
    serverVersion: String(version),
    collections,
    digest: manifestDigest(collections),
  };
  await syncPath(folder);
  await writeFileAtomic(join(partial, manifestName), `${JSON.stringify(manifest, null, 2)}\n`);
  await seam.write("dump-complete", async () => {
    await rename(partial, directory);
    await syncPath(dirname(directory));
  });
  options.log.info(
    { bytes: collections.reduce((sum, { bytes }) => sum + bytes, 0), digest: manifest.digest },
    "copy made",
  );
  return manifest;
}

async function sha256Of(path: string): Promise<{ sha256: string; bytes: number }> {
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const chunk of createReadStream(path)) {
    hash.update(chunk as Uint8Array);
    bytes += (chunk as Uint8Array).length;
  }
  return { sha256: hash.digest("hex"), bytes };
}

/**
 * Hashes all files of a dump again.
 * @throws LockstepError `backup-mismatch` naming the file
 */
export async function verifyDump(directory: string): Promise<Manifest> {
  const manifest = await readJsonFile<Manifest>(join(directory, manifestName));
  if (!manifest) {
    throw new LockstepError("backup-mismatch", `expected a backup in ${directory}, found none`);
  }
  for (const { file, sha256, bytes } of manifest.collections) {
    const path = join(directory, escapeName(manifest.databaseName), `${file}.bson`);
    const found = await sha256Of(path).catch((error: unknown) => ({
      sha256: messageOf(error),
      bytes: 0,
    }));
    if (found.sha256 !== sha256 || found.bytes !== bytes) {
      throw new LockstepError(
        "backup-mismatch",
        `${path} is not what was dumped: expected ${bytes} bytes with ${sha256}, got ${found.bytes} with ${found.sha256}`,
        { path },
      );
    }
  }
  if (manifestDigest(manifest.collections) !== manifest.digest) {
    throw new LockstepError("backup-mismatch", `${directory}: the manifest was edited`);
  }
  return manifest;
}
