import { BSON, type Document, type MongoClient } from "mongodb";
import { LockstepError } from "../errors.ts";
import { limits } from "../limits.ts";

/** One collection as the server describes it. */
export interface CollectionEntry {
  readonly name: string;
  /** 32 hexadecimal digits. */
  readonly uuid: string;
  /** Canonical Extended JSON, key order kept. */
  readonly options: string;
  /** Canonical Extended JSON of each index but `_id_`, ordered by name. */
  readonly indexes: readonly string[];
  /** The same indexes as BSON in base64: what they are built from again. */
  readonly indexBytes: readonly string[];
  /** `collection`, `view` or `timeseries`. */
  readonly type: string;
}

export interface Catalogue {
  readonly collections: readonly CollectionEntry[];
}

function canonical(value: unknown): string {
  return BSON.EJSON.stringify(value, { relaxed: false });
}

/** A document's bytes as values that keep type and key order (nested documents as Maps). */
export function orderedDocument(bytes: Uint8Array): Map<string, unknown> {
  const entries = new Map<string, unknown>();
  for (const element of BSON.onDemand.parseToElements(bytes)) {
    const [type, nameOffset, nameLength, offset, length] = element;
    const name = new TextDecoder().decode(bytes.subarray(nameOffset, nameOffset + nameLength));
    const value = bytes.subarray(offset, offset + length);
    entries.set(
      name,
      type === 3 || type === 4 ? orderedDocument(value) : decodeValue(type, bytes, element),
    );
  }
  return entries;
}

/** One element decoded by wrapping it in a document of its own. */
function decodeValue(
  type: number,
  bytes: Uint8Array,
  [, nameOffset, nameLength, offset, length]: readonly number[],
): unknown {
  const start = nameOffset ?? 0;
  const element = bytes.subarray(start, (offset ?? 0) + (length ?? 0));
  const wrapped = new Uint8Array(4 + 1 + element.length + 1);
  new DataView(wrapped.buffer).setInt32(0, wrapped.length, true);
  wrapped[4] = type;
  wrapped.set(element, 5);
  const name = new TextDecoder().decode(bytes.subarray(start, start + (nameLength ?? 0)));
  return BSON.deserialize(wrapped, { promoteValues: false, bsonRegExp: true })[name];
}

function indexText(bytes: Uint8Array): { name: string; text: string; bytes: string } {
  const index = orderedDocument(bytes);
  // `ns` was part of it on old servers and says nothing.
  index.delete("ns");
  const base64 = Buffer.from(bytes).toString("base64");
  return { name: String(index.get("name")), text: canonicalMap(index), bytes: base64 };
}

/** Canonical text of a Map, keys in their order. */
function canonicalMap(value: unknown): string {
  if (value instanceof Map) {
    const fields = [...value].map(([key, held]) => `${JSON.stringify(key)}:${canonicalMap(held)}`);
    return `{${fields.join(",")}}`;
  }
  return canonical(value);
}

function isSystem(name: string): boolean {
  return name.startsWith("system.");
}

/** Reads names, UUIDs, options and indexes of a database, in the order of the names. */
export async function readCatalogue(client: MongoClient, databaseName: string): Promise<Catalogue> {
  const database = client.db(databaseName);
  const listed = await database.listCollections({}, { nameOnly: false }).toArray();
  if (listed.length > limits.collectionsMax) {
    throw new LockstepError(
      "database-not-supported",
      `expected at most ${limits.collectionsMax} collections, found ${listed.length}`,
    );
  }
  const plain = listed.filter(({ name }) => !isSystem(name)).toSorted(byName);
  const entries: CollectionEntry[] = [];
  for (const found of plain as readonly (Document & { name: string; type?: string })[]) {
    const type = String(found.type ?? "collection");
    const indexes =
      type === "collection"
        ? await database.collection(found.name).listIndexes({ raw: true }).toArray()
        : [];
    const ordered = (indexes as unknown as Uint8Array[])
      .map(indexText)
      .filter(({ name }) => name !== "_id_")
      .toSorted(byName);
    entries.push({
      name: found.name,
      uuid: (found["info"]?.uuid as BSON.Binary | undefined)?.toString("hex") ?? "",
      options: canonical(found["options"] ?? {}),
      indexes: ordered.map(({ text }) => text),
      indexBytes: ordered.map(({ bytes }) => bytes),
      type,
    });
  }
  return { collections: entries };
}

function byName(left: { name: string }, right: { name: string }): number {
  return left.name < right.name ? -1 : 1;
}

const ordinaryIndexFields = ["v", "key", "name", "unique"];

function oddities({ name, type, options, indexes }: CollectionEntry): string[] {
  if (type !== "collection") return [`${type} "${name}"`];
  const odd: string[] = Object.keys(JSON.parse(options) as object).map(
    (option) => `collection "${name}" with option "${option}"`,
  );
  for (const text of indexes) {
    const index = JSON.parse(text) as Record<string, unknown> & { key: Record<string, unknown> };
    const fields = Object.keys(index).filter((field) => !ordinaryIndexFields.includes(field));
    const kinds = Object.values(index.key).filter((kind) => typeof kind === "string");
    const wildcard = Object.keys(index.key).some((field) => field.includes("$**"));
    const what = [...fields, ...(kinds as string[]), ...(wildcard ? ["wildcard"] : [])];
    if (what.length > 0) {
      odd.push(`index "${String(index["name"])}" of "${name}" (${what.join(", ")})`);
    }
  }
  return odd;
}

/**
 * Refuses by name what cannot be carried yet; nothing is ever lost in silence.
 * @throws LockstepError `database-not-supported`
 */
export function refuseUnsupported(catalogue: Catalogue): void {
  const odd = catalogue.collections.flatMap(oddities);
  if (odd.length === 0) return;
  throw new LockstepError(
    "database-not-supported",
    `expected plain collections with ordinary indexes, found ${odd.join("; ")}: these cannot be backed up yet, so nothing was touched`,
    { found: odd },
  );
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
    if (other.indexes.join() !== entry.indexes.join()) {
      words.push(`collection "${entry.name}" has other indexes`);
    }
  }
  return [...words, ...[...foundByName.keys()].map((name) => `collection "${name}" is new`)];
}
