import { type BSON, type Document, type MongoClient, UUID } from "mongodb";
import { LockstepError, messageOf } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { decodedValue, isTrue, rawDocument, rawFields } from "../bson/raw-bson.ts";
import { hasCode, serverErrors } from "../server-errors.ts";
import { comparableIndex, comparableOptions } from "./comparable.ts";
import {
  type Definition,
  definitionField,
  definitionOf,
  indexName,
  withoutFields,
} from "./definition.ts";

/** One collection as the server describes it. */
export interface CollectionEntry {
  readonly name: string;
  readonly type: "collection" | "view" | "timeseries";
  /** UUID of the collection that holds the data, as 32 hexadecimal digits, or empty for a view. */
  readonly uuid: string;
  readonly options: Definition;
  /** The indexes except `_id_` and a clustered one, ordered by name. */
  readonly indexes: readonly Definition[];
}

export interface Catalogue {
  readonly collections: readonly CollectionEntry[];
}

/** The prefix of the collection with a time series' data. */
export const bucketsPrefix = "system.buckets.";

/** The server's collection with the definitions of all views. A database has it from its first view on. */
export const viewsCollection = "system.views";

/** The collection that holds the documents of an entry, or null for a view. Pure. */
export function dataCollection({
  name,
  type,
}: Pick<CollectionEntry, "name" | "type">): string | null {
  if (type === "view") return null;
  return type === "timeseries" ? `${bucketsPrefix}${name}` : name;
}

/** True for a collection whose documents stay in the order of their insertion. Pure. */
export function isCapped({ options }: Pick<CollectionEntry, "options">): boolean {
  return isTrue(definitionField(options, "capped"));
}

/** One answer of `listCollections`. */
export type Described = Pick<CollectionEntry, "name" | "type" | "options" | "uuid">;

function described(bytes: Uint8Array): Described {
  const fields = new Map(rawFields(bytes).map((field) => [field.name, field]));
  const text = (name: string, fallback: string) => {
    const field = fields.get(name);
    return field === undefined ? fallback : String(decodedValue(field));
  };
  const info = rawFields(fields.get("info")?.value ?? rawDocument([]));
  const uuid = info.find(({ name }) => name === "uuid");
  return {
    name: text("name", ""),
    type: text("type", "collection") as Described["type"],
    options: definitionOf(fields.get("options")?.value ?? rawDocument([])),
    uuid: uuid === undefined ? "" : (decodedValue(uuid) as BSON.Binary).toString("hex"),
  };
}

/** Describes the collections that match a filter, also those that the driver cannot decode. */
export async function listCollections(
  client: MongoClient,
  databaseName: string,
  filter: Document = {},
): Promise<readonly Described[]> {
  const raw = await client
    .db(databaseName)
    .runCursorCommand({ listCollections: 1, filter, cursor: {} }, { raw: true })
    .toArray();
  return (raw as unknown as Uint8Array[]).map(described);
}

/**
 * The indexes of a collection, ordered by name, without those that come with it. (On old servers each has `ns`, which
 * means nothing.)
 */
export function ownIndexes(described: readonly Uint8Array[]): readonly Definition[] {
  return described
    .map((bytes) => definitionOf(withoutFields(bytes, ["ns"])))
    .filter((index) => indexName(index) !== "_id_" && !isTrue(definitionField(index, "clustered")))
    .map((definition) => ({ definition, name: indexName(definition) }))
    .toSorted(byName)
    .map(({ definition }) => definition);
}

/** The indexes of a collection, or undefined where it was dropped or renamed since it was listed. */
async function listIndexes(
  client: MongoClient,
  databaseName: string,
  name: string,
): Promise<readonly Definition[] | undefined> {
  const raw = await client
    .db(databaseName)
    .collection(name)
    .listIndexes({ raw: true })
    .toArray()
    .catch((error: unknown) => {
      if (hasCode(error, serverErrors.namespaceNotFound)) return undefined;
      if (!hasCode(error, serverErrors.indexNotDescribable)) throw error;
      throw new LockstepError(
        "database-not-supported",
        `the server cannot describe the indexes of "${name}" (${messageOf(error)}): drop that index and build it again`,
        { collection: name },
        { cause: error },
      );
    });
  return raw && ownIndexes(raw as unknown as Uint8Array[]);
}

function byName(left: { name: string }, right: { name: string }): number {
  return left.name < right.name ? -1 : 1;
}

/** True for bookkeeping of the server, which its other entries describe. No database of ours holds it. */
function isBookkeeping(name: string, all: readonly Described[]): boolean {
  if (name === viewsCollection || name === "system.profile") return true;
  // The name alone proves nothing, since anybody can create a collection of that name.
  return all.some((entry) => entry.type === "timeseries" && dataCollection(entry) === name);
}

/** All views that the server has a definition of, and that match the filter. */
async function readViews(
  client: MongoClient,
  databaseName: string,
  filter: Document = {},
): Promise<readonly Described[]> {
  const found = await client
    .db(databaseName)
    .runCursorCommand({ find: viewsCollection, filter }, { raw: true })
    .toArray()
    .catch((error: unknown) => {
      // Without the right to read views, the server's list is all that is known.
      if (hasCode(error, serverErrors.unauthorized)) return [];
      throw error;
    });
  return (found as unknown as Uint8Array[]).map((bytes) => {
    const id = rawFields(bytes).find(({ name }) => name === "_id");
    const name = id === undefined ? "" : String(decodedValue(id)).slice(databaseName.length + 1);
    return { name, type: "view", options: definitionOf(withoutFields(bytes, ["_id"])), uuid: "" };
  });
}

/**
 * All collections, and the views over the buckets of a time series, which the server does not list. It may list such
 * a view as a time series without buckets: here it is a view.
 */
async function listAll(client: MongoClient, databaseName: string): Promise<readonly Described[]> {
  const first = await listCollections(client, databaseName);
  if (!first.some(({ name }) => name === viewsCollection)) return first;
  const views = await readViews(client, databaseName);
  // This list has every definition that was made between the two looks.
  const listed = await listCollections(client, databaseName);
  const names = new Set(listed.map(({ name }) => name));
  const described = listed.map((entry) =>
    entry.type === "timeseries" && !names.has(dataCollection(entry) ?? "")
      ? (views.find(({ name }) => name === entry.name) ?? entry)
      : entry,
  );
  for (const { name } of first) names.add(name);
  return [...described, ...views.filter(({ name }) => !names.has(name))];
}

/**
 * One collection without its indexes, or undefined. The server finds a name without a look at the other collections,
 * so thousands of calls are cheap.
 */
export async function findCollection(
  client: MongoClient,
  databaseName: string,
  name: string,
): Promise<Described | undefined> {
  const [found] = await listCollections(client, databaseName, { name });
  if (found !== undefined && found.type !== "timeseries") return found;
  const data = dataCollection({ name, type: "timeseries" }) ?? "";
  const [buckets] = found ? await listCollections(client, databaseName, { name: data }) : [];
  if (found && buckets) return { ...found, uuid: buckets.uuid };
  const [view] = await readViews(client, databaseName, { _id: `${databaseName}.${name}` });
  return view ?? found;
}

/** One collection with its indexes, or undefined. */
export async function findEntry(
  client: MongoClient,
  databaseName: string,
  name: string,
): Promise<CollectionEntry | undefined> {
  const found = await findCollection(client, databaseName, name);
  if (found === undefined) return undefined;
  if (found.uuid === "") return { ...found, indexes: [] };
  const indexes = await listIndexes(client, databaseName, name);
  return indexes && { ...found, indexes };
}

/** The collection of this UUID without its indexes, or undefined. */
export async function findByUuid(
  client: MongoClient,
  databaseName: string,
  uuid: string,
): Promise<Described | undefined> {
  return (await listCollections(client, databaseName, { "info.uuid": new UUID(uuid) }))[0];
}

/**
 * Reads names, UUIDs, options and indexes of a database, in the order of the names. An application may drop a collection
 * meanwhile, which then is left out: where that matters, two looks are compared.
 */
export async function readCatalogue(client: MongoClient, databaseName: string): Promise<Catalogue> {
  const database = client.db(databaseName);
  const all = (await listAll(client, databaseName)).toSorted(byName);
  if (all.length > limits.collectionsMax) {
    throw new LockstepError(
      "database-not-supported",
      `expected at most ${limits.collectionsMax} collections, found ${all.length}: move some to another database`,
    );
  }
  const uuids = new Map(all.map(({ name, uuid }) => [name, uuid]));
  const read = async ({ name, type, options }: Described): Promise<CollectionEntry[]> => {
    // Nobody can drop it, and an empty one holds nothing.
    if (name === "system.js" && !(await database.collection(name).findOne())) return [];
    const uuid = uuids.get(dataCollection({ name, type }) ?? "") ?? "";
    const indexes = uuid === "" ? [] : await listIndexes(client, databaseName, name);
    return indexes ? [{ name, type, uuid, options, indexes }] : [];
  };
  const kept = all.filter((entry) => !isBookkeeping(entry.name, all));
  const collections: CollectionEntry[] = [];
  // Each costs a round trip, so several run at once.
  for (let start = 0; start < kept.length; start += limits.catalogueLanes) {
    const some = kept.slice(start, start + limits.catalogueLanes);
    collections.push(...(await Promise.all(some.map(read))).flat());
  }
  return { collections };
}

/** The differences between the indexes of one collection in words. Pure. */
function indexDifferences(expected: CollectionEntry, found: CollectionEntry): string[] {
  const named = (index: Definition) => `index "${indexName(index)}" of "${expected.name}"`;
  const foundByName = new Map(found.indexes.map((index) => [indexName(index), index]));
  const words = expected.indexes.flatMap((index) => {
    const other = foundByName.get(indexName(index));
    foundByName.delete(indexName(index));
    if (!other) return [`${named(index)} is missing`];
    const isSame = comparableIndex(other) === comparableIndex(index);
    return isSame ? [] : [`${named(index)} has another definition`];
  });
  return [...words, ...[...foundByName.values()].map((index) => `${named(index)} is new`)];
}

/** The differences between two catalogues in words, none when they are equal. Pure. */
export function differences(
  expected: Catalogue,
  found: Catalogue,
  options: { ignoreUuid: boolean },
): string[] {
  const foundByName = new Map(found.collections.map((entry) => [entry.name, entry]));
  const words: string[] = [];
  for (const entry of expected.collections) {
    const other = foundByName.get(entry.name);
    foundByName.delete(entry.name);
    if (!other) {
      words.push(`collection "${entry.name}" is missing`);
      continue;
    }
    if (!options.ignoreUuid && other.uuid !== entry.uuid) {
      words.push(`collection "${entry.name}" has another UUID`);
    }
    if (
      other.type !== entry.type ||
      comparableOptions(other.options) !== comparableOptions(entry.options)
    ) {
      words.push(`collection "${entry.name}" has other options`);
    }
    words.push(...indexDifferences(entry, other));
  }
  return [...words, ...[...foundByName.keys()].map((name) => `collection "${name}" is new`)];
}
