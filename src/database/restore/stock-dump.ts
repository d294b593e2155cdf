import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { isLockstepError, LockstepError, messageOf } from "../../errors.ts";
import { createDocumentSum } from "../../mongo/bson/document-sum.ts";
import { bsonType, decodedValue, rawDocument, rawFields } from "../../mongo/bson/raw-bson.ts";
import type { CollectionEntry } from "../../mongo/catalogue/catalogue.ts";
import { dataCollection, isCapped, ownIndexes } from "../../mongo/catalogue/catalogue.ts";
import { bytesOfDefinition, definitionField, indexName } from "../../mongo/catalogue/definition.ts";
import { bytesOfText } from "../../mongo/catalogue/definition-text.ts";
import { renewedIndex, renewedOptions } from "../../mongo/catalogue/legacy-definition.ts";
import { documentRuns } from "../backup/dump/dump-documents.ts";
import { endingsOf, readDumpText } from "../backup/dump/dump-files.ts";
import { collectionOfFile, fileNameOf, isCut } from "../backup/dump/file-names.ts";
import {
  type DumpedCollection,
  type Manifest,
  manifestDigest,
  manifestFormat,
  manifestName,
  markerName,
  sealed,
} from "../backup/manifest.ts";
import { isCollectionName } from "../backup/manifest-shape.ts";
import { partialEnding } from "../backup/retention.ts";
import { refuseUnsupported } from "../backup/supported.ts";
import {
  type FoundFile,
  isOplog,
  type StockFiles,
  sortStockFiles,
  topFile,
} from "./stock-files.ts";

/**
 * True for a directory that another tool wrote.
 * @throws LockstepError `backup-mismatch` for a copy of ours that is unfinished, or has lost its manifest
 */
export async function isStockDump(directory: string): Promise<boolean> {
  const names = await readdir(directory).catch(() => [manifestName]);
  if (names.includes(manifestName)) return false;
  if (!names.includes(markerName) && !directory.endsWith(partialEnding)) return true;
  throw new LockstepError(
    "backup-mismatch",
    `expected ${manifestName} in ${directory}, found none: this backup was never finished or has lost its manifest, so nothing proves that it is complete: use another copy`,
    { path: directory },
  );
}

function damaged(path: string, what: string): LockstepError {
  return new LockstepError("backup-mismatch", `${path} ${what}: expected a directory of mongodump`);
}

/** The bytes, documents and hash of a file, and the sum of its documents' hashes where their order is unknown. */
async function measure(path: string, isOrdered: boolean) {
  const hash = createHash("sha256");
  const sum = createDocumentSum();
  let length = 0;
  let documents = 0;
  for await (const { bytes, lengths } of documentRuns(path)) {
    hash.update(bytes);
    length += bytes.length;
    documents += lengths.length;
    if (isOrdered) continue;
    let start = 0;
    for (const each of lengths) {
      sum.add(bytes.subarray(start, start + each));
      start += each;
    }
  }
  const whole = { bytes: length, documents, sha256: hash.digest("hex") };
  return isOrdered ? whole : { ...whole, sum: sum.text() };
}

/** The name of a collection without metadata. Where mongodump has cut the name, only the metadata would have it. */
function nameOfFile(folder: string, file: string): string {
  const name = collectionOfFile(file);
  if (name !== null) return name;
  throw damaged(
    join(folder, file),
    isCut(file)
      ? "has a name that was cut, and no metadata file with the whole name"
      : 'has a name that mongodump does not write (a "%" of the collection\'s name is "%25" in it)',
  );
}

type Definition = CollectionEntry & { readonly file: string };

/** The contents of a metadata file. A missing file has none. */
async function readDefinition(
  folder: string,
  file: string,
  path: string | null,
  onNotice: (notice: string) => void,
): Promise<Definition> {
  const read = async () => {
    if (path === null) return [];
    const text = await readDumpText(path);
    if (!/^\s*\{/.test(text)) throw new Error("it holds no object of JSON");
    return rawFields(bytesOfText(text));
  };
  const metadata = await read().catch((error: unknown) => {
    throw damaged(String(path), `cannot be read (${messageOf(error)})`);
  });
  const held = (field: string, type: number) => {
    const found = metadata.find(({ name }) => name === field);
    if (found === undefined || found.type === bsonType.null) return undefined;
    if (found.type === type) return found;
    throw damaged(path ?? join(folder, file), `has an unusable "${field}"`);
  };
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
  // Older versions of mongodump leave the collection's name out.
  const name = said("collectionName") ?? nameOfFile(folder, file);
  if (!isCollectionName(name) || !["collection", "view", "timeseries"].includes(type)) {
    throw damaged(path ?? join(folder, file), "has no usable name or type of a collection");
  }
  for (const notice of notices) onNotice(`collection "${name}": ${notice}`);
  for (const each of renewed) {
    const index = `index "${indexName(each.definition)}" of "${name}"`;
    for (const notice of each.notices) onNotice(`${index}: ${notice}`);
  }
  return {
    ...{ name, type: type as CollectionEntry["type"], uuid: said("uuid") ?? "", options, file },
    indexes: ownIndexes(renewed.map(({ definition }) => bytesOfDefinition(definition))),
  };
}

/** The file with the documents of a collection, without its ending. It is null for a view. Pure. */
function dataFileOf(entry: Definition, files: StockFiles): string | null {
  const source = dataCollection(entry);
  if (entry.type !== "timeseries" || source === null) return source && entry.file;
  return files.data.find((file) => collectionOfFile(file) === source) ?? fileNameOf(source);
}

async function withDocuments(
  folder: string,
  entry: Definition,
  files: StockFiles,
): Promise<DumpedCollection> {
  const dataFile = dataFileOf(entry, files);
  if (dataFile === null) {
    return { ...entry, dataFile, bytes: 0, documents: 0, sha256: "", hash: "" };
  }
  const path = join(folder, `${dataFile}${endingsOf(files).data}`);
  if (!files.data.includes(dataFile)) {
    throw damaged(
      path,
      `is missing, with the documents of "${entry.name}" (where it had none, make an empty file)`,
    );
  }
  const measured = await measure(path, isCapped(entry)).catch((error: unknown) => {
    throw isLockstepError(error) ? error : damaged(path, `cannot be read (${messageOf(error)})`);
  });
  return { ...entry, dataFile, ...measured, hash: "" };
}

/** All collections of a database's folder. Each file with documents belongs to exactly one. */
async function readDefinitions(
  folder: string,
  files: StockFiles,
  onNotice: (notice: string) => void,
): Promise<readonly Definition[]> {
  const { metadata: ending } = endingsOf(files);
  const all: Definition[] = [];
  for (const file of files.metadata.toSorted()) {
    all.push(await readDefinition(folder, file, join(folder, `${file}${ending}`), onNotice));
  }
  const buckets = all.flatMap((entry) =>
    entry.type === "timeseries" ? (dataCollection(entry) ?? []) : [],
  );
  // The definition of a time series covers its buckets.
  const own = all.filter(({ name }) => !buckets.includes(name));
  const used = new Set(own.map((entry) => dataFileOf(entry, files)));
  for (const file of files.data.toSorted().filter((each) => !used.has(each))) {
    const same = own.find((entry) => entry.file === file);
    if (same) throw damaged(folder, `holds documents of "${same.name}", which is a ${same.type}`);
    own.push(await readDefinition(folder, file, null, onNotice));
    onNotice(
      `"${nameOfFile(folder, file)}" has no metadata file: it becomes a plain collection with an index of _id alone`,
    );
  }
  const names = own.map(({ name }) => name).toSorted();
  const twice = names.find((name, index) => name === names[index + 1]);
  if (twice !== undefined) throw damaged(folder, `names the collection "${twice}" twice`);
  return own;
}

async function listFiles(directory: string): Promise<readonly FoundFile[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch((error: unknown) => {
    throw damaged(directory, `cannot be read (${messageOf(error)})`);
  });
  return entries
    .map((entry): FoundFile => {
      const kind = entry.isDirectory() ? "folder" : entry.isFile() ? "file" : "other";
      return { name: entry.name, kind };
    })
    .toSorted((left, right) => (left.name < right.name ? -1 : 1));
}

const oplogAdvice =
  "restore the whole dump with mongorestore --oplogReplay into a server of its own, then back up this one database from there";

/** The folder of the one database of a stock dump. */
async function databaseFolder(
  directory: string,
  onNotice: (notice: string) => void,
): Promise<string> {
  const all = await listFiles(directory);
  const folders = all
    .filter(({ name, kind }) => kind === "folder" && !name.startsWith("."))
    .map(({ name }) => name);
  const oplog = all.find(({ name }) => isOplog(name));
  if (oplog) {
    throw new LockstepError(
      "database-not-supported",
      `${join(directory, oplog.name)} is the oplog of a dump of the whole server (${folders.join(", ")}): without it the documents come from different moments, and it is not replayed here: ${oplogAdvice}`,
    );
  }
  const files = all.filter(({ name }) => !folders.includes(name)).map(topFile);
  const problems = files.flatMap(({ problem }) => problem ?? []);
  if (problems.length > 0) throw damaged(directory, `cannot be used (${problems.join("; ")})`);
  for (const { notice } of files) if (notice !== undefined) onNotice(notice);
  const [only] = folders;
  if (only === undefined) throw damaged(directory, "holds no folder of a database");
  if (folders.length > 1) {
    throw damaged(
      directory,
      `holds ${folders.length} databases (${folders.join(", ")}), expected one (copy the folder of one into a directory of its own, and name that; where the dump was made with --oplog, ${oplogAdvice})`,
    );
  }
  return only;
}

/**
 * Reads the directory form of stock mongodump, zipped or not, as one of our backups, so that our restore takes it.
 * There is no earlier digest to compare it with: the proof is that the copy equals the files. Each file is used,
 * refused by name or named in a notice.
 * @param onNotice gets what was left out of a definition, or changed
 * @throws LockstepError `backup-mismatch`, `database-not-supported`
 */
export async function readStockDump(
  directory: string,
  onNotice: (notice: string) => void = () => {},
): Promise<Manifest> {
  const only = await databaseFolder(directory, onNotice);
  const folder = join(directory, only);
  const files = sortStockFiles(await listFiles(folder));
  if (files.problems.length > 0) {
    throw damaged(folder, `cannot be used (${files.problems.join("; ")})`);
  }
  for (const notice of files.notices) onNotice(notice);
  const definitions = await readDefinitions(folder, files, onNotice);
  if (definitions.length === 0) throw damaged(folder, "holds no collection");
  refuseUnsupported({ collections: definitions });
  const own: DumpedCollection[] = [];
  for (const entry of definitions) own.push(await withDocuments(folder, entry, files));
  own.sort((left, right) => (left.name < right.name ? -1 : 1));
  return sealed({
    format: manifestFormat,
    backupId: "",
    fleet: "",
    databaseName: only,
    version: "",
    time: "0:0",
    serverVersion: "",
    gzip: files.gzip,
    collections: own,
    digest: manifestDigest(own),
  });
}
