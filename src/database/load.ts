import { join } from "node:path";
import { type Document, Int32, type MongoClient, MongoServerError, UUID } from "mongodb";
import { LockstepError, messageOf } from "../errors.ts";
import { limits } from "../limits.ts";
import type { Seam } from "../ports/seam.ts";
import { isNetworkTrouble } from "../store/transient.ts";
import { dataCollection, isCapped, readCatalogue } from "./catalogue.ts";
import { endingsOf, readDumpFile } from "./dump-files.ts";
import { type DumpedCollection, escapeName, type Manifest } from "./manifest.ts";
import { parseCanonical } from "./ordered-bson.ts";
import { anotherCollection, insertRaw } from "./raw-insert.ts";
import { hasCode, serverErrors } from "./server-errors.ts";

export interface LoadTarget {
  readonly client: MongoClient;
  readonly databaseName: string;
  /** Aborts when mastership is lost. */
  readonly signal: AbortSignal;
  readonly seam: Seam;
  /**
   * Creates a collection in a transaction that a deposed master cannot commit: where others look at the
   * same database. (The server allows it for neither a view nor a time series.)
   */
  createFenced?(command: Document): Promise<void>;
  /** Hears of each batch that is in. */
  onBytes?(bytes: number): void;
  /** Nothing expires in what is loaded, until `releaseExpiry`: it could not be proven else. */
  readonly holdExpiry?: boolean;
}

/** So many seconds that nothing expires. */
const neverSeconds = new Int32(2_147_483_647);

/** Whole documents of a dump file, in batches of bytes. */
async function* batches(path: string): AsyncGenerator<Uint8Array> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of readDumpFile(path, { highWaterMark: limits.loadChunkBytes })) {
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

/** What an index is built from again: a simple one must say so where the collection has a collation. */
function indexSpecification(
  text: string,
  from: DumpedCollection,
  holdExpiry: boolean,
): Map<string, unknown> {
  const index = parseCanonical(text) as Map<string, unknown>;
  const inherits = (parseCanonical(from.options) as Map<string, unknown>).has("collation");
  if (inherits && !index.has("collation")) index.set("collation", { locale: "simple" });
  if (holdExpiry && index.has("expireAfterSeconds")) index.set("expireAfterSeconds", neverSeconds);
  return index;
}

/** Builds the indexes of a copy; one that is there already is a success. */
async function buildIndexes(
  target: LoadTarget,
  name: string,
  from: DumpedCollection,
  identity: Identity,
): Promise<void> {
  if (from.indexes.length === 0) return;
  const command: Document = {
    createIndexes: name,
    indexes: from.indexes.map((text) => indexSpecification(text, from, target.holdExpiry === true)),
    commitQuorum: "majority",
    maxTimeMS: limits.indexBuildTimeMsMax,
    ...identity,
    writeConcern: { w: "majority" },
  };
  await target.seam.write("load-indexes", () =>
    target.client
      .db(target.databaseName)
      .command(command)
      .catch((error: unknown) => {
        if (hasCode(error, serverErrors.collectionUuidMismatch)) throw anotherCollection(name);
        if (!(error instanceof MongoServerError) || isNetworkTrouble(error)) throw error;
        throw new LockstepError(
          "restore-failed",
          `the indexes of "${from.name}" cannot be built on the restored data: ${messageOf(error)}: mend the data or the definition in the backup's metadata, or restore by hand`,
          { collection: from.name },
          { cause: error },
        );
      }),
  );
}

/** What a write to a collection says of it: another of its name is left alone. */
interface Identity {
  readonly collectionUUID?: UUID;
}

/** Creates a collection with exactly the options that it had. */
async function create(target: LoadTarget, from: DumpedCollection, name: string): Promise<void> {
  const options = parseCanonical(from.options) as Map<string, unknown>;
  if (target.holdExpiry) options.delete("expireAfterSeconds");
  // No option's name looks like an integer, and what lies deeper are Maps: the order stays.
  const command = { create: name, ...Object.fromEntries(options) };
  const plainly = () =>
    target.seam.write("load-create", () =>
      target.client
        .db(target.databaseName)
        .command({ ...command, writeConcern: { w: "majority" } }),
    );
  const creating =
    target.createFenced && from.type === "collection" ? target.createFenced(command) : plainly();
  await creating.catch((error: unknown) => {
    if (!hasCode(error, serverErrors.namespaceExists)) throw error;
  });
}

/** What was held back by `holdExpiry` expires from now on as it was backed up. */
export async function releaseExpiry(target: LoadTarget, from: DumpedCollection): Promise<void> {
  const options = parseCanonical(from.options) as Map<string, unknown>;
  const changes: Document[] = [];
  if (options.has("expireAfterSeconds")) {
    changes.push({ expireAfterSeconds: options.get("expireAfterSeconds") });
  }
  for (const text of from.indexes) {
    const index = parseCanonical(text) as Map<string, unknown>;
    const expireAfterSeconds = index.get("expireAfterSeconds");
    if (expireAfterSeconds === undefined) continue;
    changes.push({ index: { name: index.get("name"), expireAfterSeconds } });
  }
  for (const change of changes) {
    await target.seam.write("load-expiry", () =>
      target.client
        .db(target.databaseName)
        .command({ collMod: from.name, ...change, writeConcern: { w: "majority" } }),
    );
  }
}

/** Defines a view as it was, also where it is there already: late or twice, it is the same. */
async function defineView(target: LoadTarget, from: DumpedCollection, name: string): Promise<void> {
  const { client, databaseName } = target;
  const options = parseCanonical(from.options) as Map<string, unknown>;
  const { collections } = await readCatalogue(client, databaseName);
  const there = collections.find((entry) => entry.name === name);
  if (there?.type === "view" && !options.has("collation") && !there.options.includes("collation")) {
    const { viewOn, pipeline } = Object.fromEntries(options);
    const change = { collMod: name, viewOn, pipeline, writeConcern: { w: "majority" } };
    await target.seam.write("load-view", () => client.db(databaseName).command(change));
    return;
  }
  await target.seam.write("load-drop", () => dropIfThere(client, databaseName, name));
  await create(target, from, name);
}

async function identityOf({ client, databaseName }: LoadTarget, source: string): Promise<Identity> {
  const [found] = await client.db(databaseName).listCollections({ name: source }).toArray();
  const uuid = (found as { info?: { uuid?: UUID } } | undefined)?.info?.uuid;
  return uuid === undefined ? {} : { collectionUUID: uuid };
}

/** Inserts the documents of a dump file, byte for byte. */
async function fill(
  target: LoadTarget,
  path: string,
  from: DumpedCollection,
  name: string,
  identity: Identity,
): Promise<void> {
  const { client, databaseName, signal, seam } = target;
  const source = batches(path);
  const lane = async () => {
    for (;;) {
      const next = await source.next();
      if (next.done) return;
      signal.throwIfAborted();
      await seam.write("load-batch", () =>
        insertRaw(client, databaseName, { name, ...identity }, next.value, signal),
      );
      target.onBytes?.(next.value.length);
    }
  };
  // A capped collection keeps the order of its insertion.
  const lanes = isCapped(from) ? 1 : limits.loadLanes;
  await Promise.all(Array.from({ length: lanes }, lane));
}

/**
 * Loads one dumped collection under a name that nobody uses: dropped first, then created,
 * filled raw, indexes last.
 */
export async function loadCollection(
  target: LoadTarget,
  directory: string,
  manifest: Manifest,
  from: DumpedCollection,
  name: string,
): Promise<void> {
  target.signal.throwIfAborted();
  const { client, databaseName, seam } = target;
  if (from.type === "view") {
    await defineView(target, from, name);
    return;
  }
  await seam.write("load-drop", () => dropIfThere(client, databaseName, name));
  await create(target, from, name);
  const data = dataCollection({ name, type: from.type });
  if (data === null || from.dataFile === null) return;
  const file = `${from.dataFile}${endingsOf(manifest).data}`;
  const path = join(directory, escapeName(manifest.databaseName), file);
  const identity = await identityOf(target, data);
  await fill(target, path, from, data, identity);
  await buildIndexes(target, name, from, identity);
}

/** Drops exactly the collection that was looked at; another of its name stays. */
export async function dropExactly(
  client: MongoClient,
  databaseName: string,
  { name, uuid }: { readonly name: string; readonly uuid: string },
): Promise<void> {
  const drop = { drop: name, collectionUUID: new UUID(uuid), writeConcern: { w: "majority" } };
  await client
    .db(databaseName)
    .command(drop)
    .catch((error: unknown) => {
      if (!hasCode(error, serverErrors.namespaceNotFound, serverErrors.collectionUuidMismatch))
        throw error;
    });
}

/** Drops a collection or view; one that is not there is a success. */
export async function dropIfThere(
  client: MongoClient,
  databaseName: string,
  name: string,
): Promise<void> {
  await client
    .db(databaseName)
    .dropCollection(name, { writeConcern: { w: "majority" } })
    .catch((error: unknown) => {
      if (!hasCode(error, serverErrors.namespaceNotFound)) throw error;
    });
}
