import { join } from "node:path";
import { type Document, type MongoClient, UUID } from "mongodb";
import { limits } from "../../../limits.ts";
import { anotherCollection, insertRaw } from "../../../mongo/bson/raw-insert.ts";
import {
  type CollectionEntry,
  dataCollection,
  isCapped,
  listCollections,
} from "../../../mongo/catalogue/catalogue.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { FaultPoints } from "../../../ports/fault-point.ts";
import { documentRuns } from "../../backup/dump/dump-documents.ts";
import { endingsOf } from "../../backup/dump/dump-files.ts";
import { folderOf } from "../../backup/dump/file-names.ts";
import type { DumpedCollection, Manifest } from "../../backup/manifest.ts";
import { dropIfThere } from "../drop.ts";
import { buildIndexes, create, defineView, type Identity } from "./load-definitions.ts";

/** The means of a load, and its target. */
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
