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
import type { Clock } from "../../ports/clock.ts";
import type { FaultPoints } from "../../ports/fault-point.ts";
import { documentRuns } from "../backup/dump/dump-documents.ts";
import { endingsOf } from "../backup/dump/dump-files.ts";
import { folderOf } from "../backup/dump/file-names.ts";
import type { DumpedCollection, Manifest } from "../backup/manifest.ts";
import { othersInTheWay } from "./in-place.ts";

export interface LoadTarget {
  readonly client: MongoClient;
  readonly databaseName: string;
  /** Aborts when mastership is lost. */
  readonly signal: AbortSignal;
  readonly faultPoints: FaultPoints;
  readonly clock: Clock;
  /**
   * Creates a collection so that a process without the right to it cannot. Default: one plain command.
   * @returns the UUID of the collection that holds its data, where it is known to be this one
   */
  create?(command: Document, type: CollectionEntry["type"]): Promise<string | null>;
  /** True for an empty database. Nothing is dropped there, and a collection that exists is an error. */
  readonly isFresh?: boolean;
  /** Gets the number of bytes of each loaded batch. */
  onBytes?(bytes: number): void;
  /** True where nothing expires in the loaded data until `releaseExpiry`: it could not be proven otherwise. */
  readonly holdExpiry?: boolean;
}

/** The longest expiry, so that nothing expires. */
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

/** The specification of an index. A simple index must name its collation where the collection has one. */
export function indexSpecification(
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

/** Builds the indexes of a copy. An index that exists is a success. */
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
          `the indexes of "${from.name}" cannot be built on the restored data: ${messageOf(error)}: correct the data or the definition in the backup's metadata, or restore by hand`,
          { collection: from.name },
          { cause: error },
        );
      }),
  );
}

/** The identity of a collection for writes to it, so that another one of its name stays untouched. */
export interface Identity {
  readonly collectionUUID?: UUID;
}

/** Adds the collection's name to the server's refusal of a definition. Other errors stay as they are. */
function uncreated(from: DumpedCollection, error: unknown): unknown {
  // The caller handles the refusal of a view that depends on other views.
  const isOther = hasCode(error, serverErrors.unauthorized, ...othersInTheWay);
  if (!(error instanceof MongoServerError) || isOther) return error;
  if (isNetworkTrouble(error) || isTransient(error)) return error;
  return new LockstepError(
    "restore-failed",
    `"${from.name}" cannot be created: ${messageOf(error)}: correct its definition in the backup's metadata, or restore by hand`,
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

/** Lets everything that `holdExpiry` has held back expire as it was backed up. */
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

/** Defines a view as it was, also where it exists. A late or second call changes nothing. */
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

/**
 * @param uuid where it is known
 * @throws LockstepError `restore-failed` where another process has dropped it since
 */
async function identityOf(
  { client, databaseName }: LoadTarget,
  source: string,
  uuid: string | null,
): Promise<Identity> {
  if (uuid) return { collectionUUID: new UUID(uuid) };
  const [found] = await listCollections(client, databaseName, { name: source });
  if (found === undefined) throw anotherCollection(source);
  return { collectionUUID: new UUID(found.uuid) };
}

/**
 * Inserts the documents of a dump file, byte for byte. It ends when every lane has ended: after a failure no lane
 * still writes, and the file is closed.
 */
async function fill(
  target: LoadTarget,
  path: string,
  from: DumpedCollection,
  name: string,
  identity: Identity,
): Promise<void> {
  const { client, databaseName, faultPoints, clock } = target;
  const source = batches(path);
  const failed = new AbortController();
  const signal = AbortSignal.any([target.signal, failed.signal]);
  const load = async () => {
    for (;;) {
      const next = await source.next();
      if (next.done) return;
      signal.throwIfAborted();
      await faultPoints.write("load-batch", () =>
        insertRaw({ client, databaseName, clock, signal }, { name, ...identity }, next.value),
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
 * Loads one dumped collection under an unused name. It drops that name first (unless the database is fresh), creates
 * the collection, fills it, and builds the indexes last.
 * @returns the identity of the collection: later commands name it, so that they leave another one of its name alone
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
  const identity = await identityOf(target, data, uuid);
  await fill(target, path, from, data, identity);
  await buildIndexes(target, name, from, identity);
  return identity;
}

/**
 * Creates one dumped collection with its indexes, and no documents, or one view.
 * @returns the identity of the collection
 */
export async function createEmpty(target: LoadTarget, from: DumpedCollection): Promise<Identity> {
  target.signal.throwIfAborted();
  const { name } = from;
  const data = dataCollection(from);
  if (data === null) {
    await defineView(target, from, name);
    return {};
  }
  const identity = await identityOf(target, data, await create(target, from, name));
  await buildIndexes(target, name, from, identity);
  return identity;
}

/** Drops exactly the collection of this UUID. Another one of its name stays. */
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

/** Drops a collection or view. A missing one is a success. */
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
