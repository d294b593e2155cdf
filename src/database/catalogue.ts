import type { BSON, MongoClient } from "mongodb";
import { LockstepError } from "../errors.ts";
import { limits } from "../limits.ts";
import { canonicalText, orderedDocument, parseCanonical } from "./ordered-bson.ts";

/** One collection as the server describes it. Texts are canonical Extended JSON, key order kept. */
export interface CollectionEntry {
  readonly name: string;
  readonly type: "collection" | "view" | "timeseries";
  /** Of the collection that holds the data: 32 hexadecimal digits, or empty for a view. */
  readonly uuid: string;
  readonly options: string;
  /** Each index but `_id_` and a clustered one, ordered by name. */
  readonly indexes: readonly string[];
}

export interface Catalogue {
  readonly collections: readonly CollectionEntry[];
}

const buckets = "system.buckets.";

/** The collection that holds the documents of an entry, or null for a view. Pure. */
export function dataCollection({
  name,
  type,
}: Pick<CollectionEntry, "name" | "type">): string | null {
  if (type === "view") return null;
  return type === "timeseries" ? `${buckets}${name}` : name;
}

/** True for one whose documents stay in the order of their insertion. Pure. */
export function isCapped({ options }: Pick<CollectionEntry, "options">): boolean {
  const parsed = parseCanonical(options);
  return parsed instanceof Map && parsed.get("capped") === true;
}

interface Described {
  readonly name: string;
  readonly type: CollectionEntry["type"];
  readonly options: Map<string, unknown>;
  readonly uuid: string;
}

function described(bytes: Uint8Array): Described {
  const document = orderedDocument(bytes);
  const info = document.get("info") as Map<string, unknown> | undefined;
  return {
    name: String(document.get("name")),
    type: String(document.get("type") ?? "collection") as Described["type"],
    options: (document.get("options") as Described["options"] | undefined) ?? new Map(),
    uuid: (info?.get("uuid") as BSON.Binary | undefined)?.toString("hex") ?? "",
  };
}

function indexText(bytes: Uint8Array): { name: string; text: string } | null {
  const index = orderedDocument(bytes);
  // `ns` was part of it on old servers and says nothing.
  index.delete("ns");
  const name = String(index.get("name"));
  // The `_id_` index and a clustered one come with the collection.
  return name === "_id_" || index.get("clustered") === true
    ? null
    : { name, text: canonicalText(index) };
}

function byName(left: { name: string }, right: { name: string }): number {
  return left.name < right.name ? -1 : 1;
}

/** What no database of ours holds: the server's own bookkeeping, described by the entries themselves. */
function isBookkeeping(name: string): boolean {
  return name === "system.views" || name === "system.profile" || name.startsWith(buckets);
}

/** Reads names, UUIDs, options and indexes of a database, in the order of the names. */
export async function readCatalogue(client: MongoClient, databaseName: string): Promise<Catalogue> {
  const database = client.db(databaseName);
  const raw = await database
    .runCursorCommand({ listCollections: 1, cursor: {} }, { raw: true })
    .toArray();
  const all = (raw as unknown as Uint8Array[]).map(described).toSorted(byName);
  if (all.length > limits.collectionsMax) {
    throw new LockstepError(
      "database-not-supported",
      `expected at most ${limits.collectionsMax} collections, found ${all.length}`,
    );
  }
  const uuids = new Map(all.map(({ name, uuid }) => [name, uuid]));
  const collections: CollectionEntry[] = [];
  for (const { name, type, options } of all.filter((entry) => !isBookkeeping(entry.name))) {
    // The server lets nobody drop it: an empty one holds nothing.
    if (name === "system.js" && !(await database.collection(name).findOne())) continue;
    const listed =
      type === "view" ? [] : await database.collection(name).listIndexes({ raw: true }).toArray();
    const indexes = (listed as unknown as Uint8Array[]).flatMap((bytes) => indexText(bytes) ?? []);
    collections.push({
      name,
      type,
      uuid: uuids.get(dataCollection({ name, type }) ?? "") ?? "",
      options: canonicalText(options),
      indexes: indexes.toSorted(byName).map(({ text }) => text),
    });
  }
  return { collections };
}

/** An index as text to compare by: the server puts the expiry last when it changes it, as a number of its choice. */
function comparable(text: string): string {
  if (!text.includes('"expireAfterSeconds"')) return text;
  const index = parseCanonical(text) as Map<string, unknown>;
  const expireAfterSeconds = Number(index.get("expireAfterSeconds"));
  index.delete("expireAfterSeconds");
  return `${canonicalText(index)} ${expireAfterSeconds}`;
}

/** What differs between two catalogues, in words; nothing when they are equal. Pure. */
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
      words.push(`collection "${entry.name}" is another one by its UUID`);
    }
    if (other.type !== entry.type || other.options !== entry.options) {
      words.push(`collection "${entry.name}" has other options`);
    }
    if (other.indexes.map(comparable).join() !== entry.indexes.map(comparable).join()) {
      words.push(`collection "${entry.name}" has other indexes`);
    }
  }
  return [...words, ...[...foundByName.keys()].map((name) => `collection "${name}" is new`)];
}
