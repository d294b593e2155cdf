import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { isLockstepError, LockstepError, messageOf } from "../errors.ts";
import type { CollectionEntry } from "./catalogue.ts";
import { dataCollection, ownIndexes } from "./catalogue.ts";
import { bytesOfDefinition, definitionField, indexName } from "./definition.ts";
import { bytesOfText } from "./definition-text.ts";
import { endingsOf, readDumpFile, readDumpText } from "./dump-files.ts";
import { renewedIndex, renewedOptions } from "./legacy-definition.ts";
import {
  type DumpedCollection,
  escapeName,
  type Manifest,
  manifestDigest,
  manifestFormat,
  manifestName,
  sealed,
} from "./manifest.ts";
import { bsonType, decodedValue, rawDocument, rawFields } from "./raw-bson.ts";
import { refuseUnsupported } from "./supported.ts";

/** The name of a collection or database whose escaped name this is. */
function unescapeName(name: string): string {
  return decodeURIComponent(name.replaceAll("+", " "));
}

/** True for a directory without our manifest. */
export async function isStockDump(directory: string): Promise<boolean> {
  const names = await readdir(directory).catch(() => [manifestName]);
  return !names.includes(manifestName);
}

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
  for await (const chunk of readDumpFile(path) as AsyncIterable<Buffer>) {
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

async function readEntry(
  folder: string,
  name: string,
  endings: ReturnType<typeof endingsOf>,
  onNotice: (notice: string) => void,
): Promise<DumpedCollection> {
  const path = join(folder, name);
  const read = async () => rawFields(bytesOfText(await readDumpText(path)));
  const metadata = await read().catch((error: unknown) => {
    throw damaged(path, `cannot be read (${messageOf(error)})`);
  });
  const held = (field: string, type: number) =>
    metadata.find((candidate) => candidate.name === field && candidate.type === type);
  const said = (field: string) => {
    const found = held(field, bsonType.string);
    return found && String(decodedValue(found));
  };
  const indexes = rawFields(held("indexes", bsonType.array)?.value ?? rawDocument([]));
  const renewed = indexes.map(({ value }) => renewedIndex(value));
  const { definition: options, notices } = renewedOptions(
    held("options", bsonType.document)?.value ?? rawDocument([]),
  );
  const type = said("type") ?? (definitionField(options, "viewOn") ? "view" : "collection");
  const entry: CollectionEntry = {
    // Older ones do not say it.
    name: said("collectionName") ?? unescapeName(name.slice(0, -endings.metadata.length)),
    type: type as CollectionEntry["type"],
    uuid: said("uuid") ?? "",
    options,
    indexes: ownIndexes(renewed.map(({ definition }) => bytesOfDefinition(definition))),
  };
  for (const notice of notices) onNotice(`collection "${entry.name}": ${notice}`);
  for (const each of renewed) {
    const index = `index "${indexName(each.definition)}" of "${entry.name}"`;
    for (const notice of each.notices) onNotice(`${index}: ${notice}`);
  }
  const source = dataCollection(entry);
  const file = name.slice(0, -endings.metadata.length);
  if (source === null) {
    return { ...entry, file, dataFile: null, bytes: 0, documents: 0, sha256: "", hash: "" };
  }
  const dataFile = entry.type === "timeseries" ? escapeName(source) : file;
  const dataPath = join(folder, `${dataFile}${endings.data}`);
  return {
    ...entry,
    file,
    dataFile,
    ...(await measure(dataPath).catch((error: unknown) => {
      throw isLockstepError(error)
        ? error
        : damaged(dataPath, `cannot be read (${messageOf(error)})`);
    })),
    hash: "",
  };
}

/**
 * Reads what stock mongodump wrote (its directory form, zipped or not) as one of our backups, so that our
 * restore takes it. There is nothing to hold it against: what is proven is that the copy equals the files.
 * @param onNotice hears of what was left out of a definition, or changed
 * @throws LockstepError `backup-mismatch`, `database-not-supported`
 */
export async function readStockDump(
  directory: string,
  onNotice: (notice: string) => void = () => {},
): Promise<Manifest> {
  const entries = await readdir(directory, { withFileTypes: true }).catch((error: unknown) => {
    throw damaged(directory, `cannot be read (${messageOf(error)})`);
  });
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  const [only] = folders;
  if (only === undefined || folders.length > 1) {
    throw damaged(directory, `holds ${folders.length} databases, expected one`);
  }
  const folder = join(directory, only);
  const files = await readdir(folder);
  const gzip = files.some((name) => name.endsWith(endingsOf({ gzip: true }).metadata));
  const endings = endingsOf({ gzip });
  const names = files.filter((name) => name.endsWith(endings.metadata));
  const collections: DumpedCollection[] = [];
  for (const name of names.toSorted()) {
    // Bookkeeping of the server's, which the definitions say as well.
    if (name.startsWith("system.views.")) continue;
    collections.push(await readEntry(folder, name, endings, onNotice));
  }
  const buckets = collections.flatMap((entry) =>
    entry.type === "timeseries" ? (dataCollection(entry) ?? []) : [],
  );
  // The definition of a time series says that of its buckets as well.
  const own = collections.filter(({ name }) => !buckets.includes(name));
  if (own.length === 0) throw damaged(folder, "holds no metadata of a collection");
  refuseUnsupported({ collections: own });
  own.sort((left, right) => (left.name < right.name ? -1 : 1));
  return sealed({
    format: manifestFormat,
    backupId: "",
    fleet: "",
    databaseName: unescapeName(only),
    version: "",
    time: "0:0",
    serverVersion: "",
    gzip,
    collections: own,
    digest: manifestDigest(own),
  });
}
