import { join } from "node:path";
import { type Document, Int32, type MongoClient, MongoServerError, UUID } from "mongodb";
import { LockstepError, messageOf } from "../../errors.ts";
import { limits } from "../../limits.ts";
import {
  fieldOf,
  rawArray,
  rawDocument,
  rawFields,
  rawOptions,
} from "../../mongo/bson/raw-bson.ts";
import { anotherCollection, insertRaw } from "../../mongo/bson/raw-insert.ts";
import {
  type CollectionEntry,
  dataCollection,
  isCapped,
  listCollections,
} from "../../mongo/catalogue/catalogue.ts";
import {
  bytesOfDefinition,
  type Definition,
  definitionField,
  definitionFields,
} from "../../mongo/catalogue/definition.ts";
import { hasCode, serverErrors } from "../../mongo/server-errors.ts";
import { isNetworkTrouble, isTransient } from "../../mongo/transient.ts";
import type { FaultPoints } from "../../ports/fault-point.ts";
import { documentRuns } from "../backup/dump-documents.ts";
import { endingsOf } from "../backup/dump-files.ts";
import { folderOf } from "../backup/file-names.ts";
import type { DumpedCollection, Manifest } from "../backup/manifest.ts";
import { othersInTheWay } from "./in-place.ts";

export interface LoadTarget {
  readonly client: MongoClient;
  readonly databaseName: string;
  /** Aborts when mastership is lost. */
  readonly signal: AbortSignal;
  readonly faultPoints: FaultPoints;
  /**
   * Creates a collection in such a way that one who has lost the right to it cannot. Default: plainly.
   * @returns the UUID of the collection that holds its data, where it is known to be the one created here
   */
  create?(command: Document, type: CollectionEntry["type"]): Promise<string | null>;
  /** True in a database that is empty: nothing is dropped there, and a collection that is there is an error. */
  readonly isFresh?: boolean;
  /** Hears of each batch that is in. */
  onBytes?(bytes: number): void;
  /** Nothing expires in what is loaded, until `releaseExpiry`: it could not be proven else. */
  readonly holdExpiry?: boolean;
}

/** So many seconds that nothing expires. */
const neverSeconds = fieldOf("expireAfterSeconds", new Int32(2_147_483_647));

/** Whole documents of a dump file, in batches of bytes. */
async function* batches(path: string): AsyncGenerator<Uint8Array> {
  for await (const { bytes, lengths } of documentRuns(path)) {
    let start = 0;
    let end = 0;
    let documents = 0;
    for (const length of lengths) {
      end += length;
      documents += 1;
      if (documents >= limits.loadBatchDocumentsMax || end - start >= limits.loadBatchBytesMax) {
        yield bytes.subarray(start, end);
        start = end;
        documents = 0;
      }
    }
    if (end > start) yield bytes.subarray(start, end);
  }
}

/** What an index is built from again: a simple one must say so where the collection has a collation. */
function indexSpecification(
  index: Definition,
  from: DumpedCollection,
  holdExpiry: boolean,
): Uint8Array {
  const fields = rawFields(bytesOfDefinition(index)).map((field) =>
    holdExpiry && field.name === "expireAfterSeconds" ? neverSeconds : field,
  );
  const inherits = definitionField(from.options, "collation") !== undefined;
  if (inherits && !fields.some(({ name }) => name === "collation")) {
    fields.push(fieldOf("collation", { locale: "simple" }));
  }
  return rawDocument(fields);
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
    indexes: rawArray(
      from.indexes.map((index) => indexSpecification(index, from, target.holdExpiry === true)),
    ),
    commitQuorum: "majority",
    maxTimeMS: limits.indexBuildTimeMsMax,
    ...identity,
    writeConcern: { w: "majority" },
  };
  await target.faultPoints.write("load-indexes", () =>
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
export interface Identity {
  readonly collectionUUID?: UUID;
}

/** The server's refusal of a definition with the collection's name; any other trouble as it is. */
function uncreated(from: DumpedCollection, error: unknown): unknown {
  // A view that is refused for what others are at the moment is put off by its own code.
  const isOther = hasCode(error, serverErrors.unauthorized, ...othersInTheWay);
  if (!(error instanceof MongoServerError) || isOther) return error;
  if (isNetworkTrouble(error) || isTransient(error)) return error;
  return new LockstepError(
    "restore-failed",
    `"${from.name}" cannot be created: ${messageOf(error)}: mend its definition in the backup's metadata, or restore by hand`,
    { collection: from.name },
    { cause: error },
  );
}

/** Creates a collection with exactly the options that it had. */
async function create(
  target: LoadTarget,
  from: DumpedCollection,
  name: string,
): Promise<string | null> {
  const options = definitionFields(from.options).filter(
    (field) => !(target.holdExpiry && field.name === "expireAfterSeconds"),
  );
  const command = { create: name, ...rawOptions(options) };
  const creating = target.create
    ? target.create(command, from.type)
    : createPlainly(target, command);
  return creating.catch((error: unknown) => {
    if (!hasCode(error, serverErrors.namespaceExists)) throw uncreated(from, error);
    if (target.isFresh) throw anotherCollection(name);
    return null;
  });
}

/** Creates a collection or view by one command. */
export async function createPlainly(
  {
    client,
    databaseName,
    faultPoints,
  }: Pick<LoadTarget, "client" | "databaseName" | "faultPoints">,
  command: Document,
): Promise<null> {
  await faultPoints.write("load-create", () =>
    client.db(databaseName).command({ ...command, writeConcern: { w: "majority" } }),
  );
  return null;
}

/** What was held back by `holdExpiry` expires from now on as it was backed up. */
export async function releaseExpiry(
  target: LoadTarget,
  from: DumpedCollection,
  identity: Identity,
): Promise<void> {
  const expiryOf = (definition: Definition, ...names: readonly string[]) =>
    rawOptions(definitionFields(definition).filter(({ name }) => names.includes(name)));
  const changes: Document[] = [
    expiryOf(from.options, "expireAfterSeconds"),
    ...from.indexes
      .filter((index) => definitionField(index, "expireAfterSeconds"))
      .map((index) => ({ index: expiryOf(index, "name", "expireAfterSeconds") })),
  ].filter((change) => Object.keys(change).length > 0);
  for (const change of changes) {
    await target.faultPoints.write("load-expiry", () =>
      target.client
        .db(target.databaseName)
        .command({ collMod: from.name, ...change, ...identity, writeConcern: { w: "majority" } })
        .catch((error: unknown) => {
          throw hasCode(error, serverErrors.collectionUuidMismatch)
            ? anotherCollection(from.name)
            : error;
        }),
    );
  }
}

/** Defines a view as it was, also where it is there already: late or twice, it is the same. */
async function defineView(target: LoadTarget, from: DumpedCollection, name: string): Promise<void> {
  const { client, databaseName } = target;
  if (target.isFresh) {
    await create(target, from, name);
    return;
  }
  const [there] = await listCollections(client, databaseName, { name });
  const isCollated = (options: Definition) => definitionField(options, "collation") !== undefined;
  if (there?.type === "view" && !isCollated(from.options) && !isCollated(there.options)) {
    const change = {
      collMod: name,
      ...rawOptions(definitionFields(from.options)),
      writeConcern: { w: "majority" },
    };
    await target.faultPoints.write("load-view", () => client.db(databaseName).command(change));
    return;
  }
  await target.faultPoints.write("load-drop", () => dropIfThere(client, databaseName, name));
  await create(target, from, name);
}

/** @throws LockstepError `restore-failed` where it is gone: another process has dropped it since it was created */
async function identityOf({ client, databaseName }: LoadTarget, source: string): Promise<Identity> {
  const [found] = await listCollections(client, databaseName, { name: source });
  if (found === undefined) throw anotherCollection(source);
  return { collectionUUID: new UUID(found.uuid) };
}

/**
 * Inserts the documents of a dump file, byte for byte. It ends when every lane has ended: after a failure no lane
 * writes any more, and the file is closed.
 */
async function fill(
  target: LoadTarget,
  path: string,
  from: DumpedCollection,
  name: string,
  identity: Identity,
): Promise<void> {
  const { client, databaseName, faultPoints } = target;
  const source = batches(path);
  const failed = new AbortController();
  const signal = AbortSignal.any([target.signal, failed.signal]);
  const load = async () => {
    for (;;) {
      const next = await source.next();
      if (next.done) return;
      signal.throwIfAborted();
      await faultPoints.write("load-batch", () =>
        insertRaw(client, databaseName, { name, ...identity }, next.value, signal),
      );
      target.onBytes?.(next.value.length);
    }
  };
  const lane = () => load().catch((error: unknown) => failed.abort(error));
  // A capped collection keeps the order of its insertion.
  const lanes = isCapped(from) ? 1 : limits.loadLanes;
  await Promise.all(Array.from({ length: lanes }, lane));
  await source.return(undefined);
  failed.signal.throwIfAborted();
}

/**
 * Loads one dumped collection under a name that nobody uses: dropped first (unless the database is fresh), then
 * created, filled raw, indexes last.
 * @returns which collection it is: later commands name it, so that they leave another of its name alone
 */
export async function loadCollection(
  target: LoadTarget,
  directory: string,
  manifest: Manifest,
  from: DumpedCollection,
  name: string,
): Promise<Identity> {
  target.signal.throwIfAborted();
  const { client, databaseName, faultPoints } = target;
  if (from.type === "view") {
    await defineView(target, from, name);
    return {};
  }
  if (!target.isFresh) {
    await faultPoints.write("load-drop", () => dropIfThere(client, databaseName, name));
  }
  const uuid = await create(target, from, name);
  const data = dataCollection({ name, type: from.type });
  if (data === null || from.dataFile === null) return {};
  const file = `${from.dataFile}${endingsOf(manifest).data}`;
  const path = join(await folderOf(directory, manifest.databaseName), file);
  const identity = uuid ? { collectionUUID: new UUID(uuid) } : await identityOf(target, data);
  await fill(target, path, from, data, identity);
  await buildIndexes(target, name, from, identity);
  return identity;
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
