import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { LockstepError, messageOf } from "../errors.ts";
import type { CollectionEntry } from "./catalogue.ts";
import { dataCollection } from "./catalogue.ts";
import {
  type DumpedCollection,
  escapeName,
  type Manifest,
  manifestDigest,
  manifestName,
  sealed,
} from "./manifest.ts";
import { canonicalText, parseCanonical } from "./ordered-bson.ts";

/** True for a directory without our manifest. */
export async function isStockDump(directory: string): Promise<boolean> {
  const names = await readdir(directory).catch(() => [manifestName]);
  return !names.includes(manifestName);
}

const metadataEnding = ".metadata.json";

function damaged(path: string, what: string): LockstepError {
  return new LockstepError("backup-mismatch", `${path} ${what}: expected a directory of mongodump`);
}

/** Bytes, documents and hash of a file; the lengths alone say where each document ends. */
async function measure(path: string) {
  const hash = createHash("sha256");
  let bytes = 0;
  let documents = 0;
  let next = 0;
  // The beginning of a length that lies across two chunks.
  let head = Buffer.alloc(0);
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    const whole = head.length > 0 ? Buffer.concat([head, chunk]) : chunk;
    const start = bytes - head.length;
    bytes += chunk.length;
    while (next + 4 <= bytes) {
      const length = whole.readInt32LE(next - start);
      if (length < 5) throw damaged(path, "holds something that is no document");
      next += length;
      documents += 1;
    }
    head = Buffer.from(next < bytes ? whole.subarray(next - start) : []);
  }
  if (next !== bytes) throw damaged(path, "ends in the middle of a document");
  return { bytes, documents, sha256: hash.digest("hex") };
}

async function readEntry(folder: string, name: string): Promise<DumpedCollection> {
  const path = join(folder, name);
  const metadata = parseCanonical(await readFile(path, "utf8")) as Map<string, unknown>;
  const indexes = (metadata.get("indexes") as Map<string, unknown>[] | undefined) ?? [];
  const options = (metadata.get("options") as Map<string, unknown> | undefined) ?? new Map();
  const type = String(metadata.get("type") ?? (options.has("viewOn") ? "view" : "collection"));
  const entry: CollectionEntry = {
    name: String(metadata.get("collectionName")),
    type: type as CollectionEntry["type"],
    uuid: String(metadata.get("uuid") ?? ""),
    options: canonicalText(options),
    indexes: indexes
      .filter((index) => index.get("name") !== "_id_" && index.get("clustered") !== true)
      .toSorted((left, right) => (String(left.get("name")) < String(right.get("name")) ? -1 : 1))
      .map((index) => {
        index.delete("ns");
        return canonicalText(index);
      }),
  };
  const source = dataCollection(entry);
  const file = name.slice(0, -metadataEnding.length);
  if (source === null) {
    return { ...entry, file, dataFile: null, bytes: 0, documents: 0, sha256: "", hash: "" };
  }
  const dataFile = entry.type === "timeseries" ? escapeName(source) : file;
  return {
    ...entry,
    file,
    dataFile,
    ...(await measure(join(folder, `${dataFile}.bson`))),
    hash: "",
  };
}

/**
 * Reads what stock mongodump wrote (its directory form, not gzipped) as one of our backups, so that our
 * restore takes it. There is nothing to hold it against: what is proven is that the copy equals the files.
 * @throws LockstepError `backup-mismatch`
 */
export async function readStockDump(directory: string): Promise<Manifest> {
  const entries = await readdir(directory, { withFileTypes: true }).catch((error: unknown) => {
    throw damaged(directory, `cannot be read (${messageOf(error)})`);
  });
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  const [only] = folders;
  if (only === undefined || folders.length > 1) {
    throw damaged(directory, `holds ${folders.length} databases, expected one`);
  }
  const folder = join(directory, only);
  const names = (await readdir(folder)).filter((name) => name.endsWith(metadataEnding));
  const collections: DumpedCollection[] = [];
  for (const name of names.toSorted()) {
    // Bookkeeping of the server's, which the definitions say as well.
    if (name.startsWith("system.")) continue;
    collections.push(await readEntry(folder, name));
  }
  if (collections.length === 0) throw damaged(folder, "holds no metadata of a collection");
  collections.sort((left, right) => (left.name < right.name ? -1 : 1));
  return sealed({
    format: 2,
    backupId: "",
    fleet: "",
    databaseName: decodeURIComponent(only.replaceAll("+", " ")),
    version: "",
    time: "0:0",
    serverVersion: "",
    collections,
    digest: manifestDigest(collections),
  });
}
