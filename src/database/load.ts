import { createReadStream } from "node:fs";
import { join } from "node:path";
import type { Document, MongoClient } from "mongodb";
import { LockstepError } from "../errors.ts";
import { limits } from "../limits.ts";
import type { Seam } from "../ports/seam.ts";
import { orderedDocument } from "./catalogue.ts";
import { type DumpedCollection, escapeName, type Manifest } from "./manifest.ts";
import { insertRaw } from "./raw-insert.ts";
import { hasCode } from "./server-errors.ts";

export interface LoadTarget {
  readonly client: MongoClient;
  readonly databaseName: string;
  /** Aborts when mastership is lost. */
  readonly signal: AbortSignal;
  readonly seam: Seam;
}

/** Whole documents of a dump file, in batches of bytes. */
async function* batches(path: string): AsyncGenerator<Uint8Array> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of createReadStream(path, { highWaterMark: limits.loadChunkBytes })) {
    const whole = Buffer.concat([rest, chunk as Buffer]);
    let start = 0;
    let end = 0;
    let documents = 0;
    while (end + 4 <= whole.length) {
      const length = whole.readInt32LE(end);
      if (end + length > whole.length) break;
      end += length;
      documents += 1;
      if (documents >= limits.loadBatchDocumentsMax || end - start >= limits.loadBatchBytesMax) {
        yield whole.subarray(start, end);
        start = end;
        documents = 0;
      }
    }
    if (end > start) yield whole.subarray(start, end);
    rest = whole.subarray(end);
  }
  if (rest.length > 0) {
    throw new LockstepError("backup-mismatch", `${path} ends in the middle of a document`);
  }
}

/** Builds the indexes of a copy; one that is there already is a success. */
async function buildIndexes(target: LoadTarget, name: string, from: DumpedCollection) {
  if (from.indexBytes.length === 0) return;
  const indexes = from.indexBytes.map((base64) => {
    const index = orderedDocument(Buffer.from(base64, "base64"));
    index.delete("ns");
    return index;
  });
  await target.seam.write("load-indexes", () =>
    target.client.db(target.databaseName).command({
      createIndexes: name,
      indexes,
      commitQuorum: "majority",
      maxTimeMS: limits.indexBuildTimeMsMax,
      writeConcern: { w: "majority" },
    } as Document),
  );
}

/**
 * Loads one dumped collection under a name that nobody uses: dropped first, then created,
 * filled raw in parallel lanes, indexes last.
 */
export async function loadCollection(
  target: LoadTarget,
  directory: string,
  manifest: Manifest,
  from: DumpedCollection,
  name: string,
): Promise<void> {
  const { client, databaseName, signal, seam } = target;
  const database = client.db(databaseName, { writeConcern: { w: "majority" } });
  signal.throwIfAborted();
  await seam.write("load-create", async () => {
    await database.dropCollection(name).catch((error: unknown) => {
      if (!hasCode(error, 26)) throw error;
    });
    await database.createCollection(name).catch((error: unknown) => {
      if (!hasCode(error, 48)) throw error;
    });
  });
  const path = join(directory, escapeName(manifest.databaseName), `${from.file}.bson`);
  const source = batches(path);
  const lane = async () => {
    for (;;) {
      const next = await source.next();
      if (next.done) return;
      signal.throwIfAborted();
      await seam.write("load-batch", () =>
        insertRaw(client, databaseName, name, next.value, signal),
      );
    }
  };
  await Promise.all(Array.from({ length: limits.loadLanes }, lane));
  await buildIndexes(target, name, from);
}
