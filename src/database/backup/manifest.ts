import { createHash } from "node:crypto";
import type { CollectionEntry } from "../../mongo/catalogue/catalogue.ts";
import {
  bytesOfDefinition,
  type Definition,
  definitionField,
  definitionOf,
} from "../../mongo/catalogue/definition.ts";
import { bytesOfText, canonicalText } from "../../mongo/catalogue/definition-text.ts";

/** One collection's files in a dump. */
export interface DumpedCollection extends CollectionEntry {
  /** Name of the metadata file, without its ending. */
  readonly file: string;
  /** Name of the file with the documents, without its ending. It is null for a view. */
  readonly dataFile: string | null;
  readonly bytes: number;
  readonly documents: number;
  readonly sha256: string;
  /** The server's hash of the live collection at T. It is empty for a view. */
  readonly hash: string;
  /** The sum of the hashes of its documents, where their order in the file is unknown, as in a stock dump. */
  readonly sum?: string;
}

/**
 * Definitions are BSON in base64. In format 2 they were canonical Extended JSON, which cannot hold every definition.
 */
export const manifestFormat = 3;

/** The contents of a dump. The manifest is written last, so a folder without one is no dump. */
export interface Manifest {
  readonly format: typeof manifestFormat;
  readonly backupId: string;
  /** Name of the fleet's control database. Another fleet cannot use this backup. */
  readonly fleet: string;
  readonly databaseName: string;
  /** The version of the data. */
  readonly version: string;
  readonly time: string;
  readonly serverVersion: string;
  /** True where the files are zipped. Lengths and hashes are those of the unzipped bytes. */
  readonly gzip: boolean;
  readonly collections: readonly DumpedCollection[];
  /** The digest of the contents. It is equal on every host that holds this backup. */
  readonly digest: string;
  /** SHA-256 over all other fields. It reveals an edited manifest. */
  readonly seal: string;
}

export const manifestName = "manifest.json";

/**
 * The file that marks a folder as a copy of ours from its first moment. Without a manifest that copy is unfinished.
 */
export const markerName = "lockstep.json";

/** The digest of a dump over names and contents. Time and place of the dump do not matter. Pure. */
export function manifestDigest(collections: readonly DumpedCollection[]): string {
  const lines = collections.map(({ name, type, sha256, documents, options, indexes }) =>
    JSON.stringify([name, type, sha256, documents, options, indexes]),
  );
  return createHash("sha256").update(lines.toSorted().join("\n")).digest("hex");
}

/** A manifest of format 2 in the present format. Its digest and seal stay as they were written. Pure. */
export function fromFormat2(manifest: Manifest): Manifest {
  const definition = (text: string) => definitionOf(bytesOfText(text));
  return {
    ...manifest,
    format: manifestFormat,
    collections: manifest.collections.map((entry) => ({
      ...entry,
      options: definition(entry.options),
      indexes: entry.indexes.map(definition),
    })),
  };
}

/** The manifest with its seal. Pure. */
export function sealed(manifest: Omit<Manifest, "seal">): Manifest {
  return { ...manifest, seal: sealOf(manifest) };
}

/** Computes the seal of a manifest. Pure. */
export function sealOf(manifest: Omit<Manifest, "seal">): string {
  const { seal: _seal, ...rest } = manifest as Manifest;
  return createHash("sha256").update(JSON.stringify(rest)).digest("hex");
}

/**
 * The `_id_` index as mongodump writes it, with the collection's collation. Where the two differ, a stock restore
 * fails after it has dropped collections.
 */
function idIndexText(options: Definition): string {
  const collation = definitionField(options, "collation");
  if (collation === undefined) return plainIdIndex;
  return `${plainIdIndex.slice(0, -1)},"collation":${canonicalText(collation.value)}}`;
}

const plainIdIndex = '{"v":{"$numberInt":"2"},"key":{"_id":{"$numberInt":"1"}},"name":"_id_"}';

/** The text of a collection's metadata file, as mongodump writes it. Pure. */
export function metadataOf(entry: CollectionEntry): string {
  return metadataWith(entry, idIndexText(entry.options));
}

/** The text that earlier builds wrote, without the collation of the `_id_` index. Pure. */
export function earlierMetadataOf(entry: CollectionEntry): string {
  return metadataWith(entry, plainIdIndex);
}

function metadataWith(
  { name, uuid, options, indexes, type }: CollectionEntry,
  idIndex: string,
): string {
  const text = (definition: Definition) => canonicalText(bytesOfDefinition(definition));
  const own = indexes.map(text);
  const all = type === "collection" ? [idIndex, ...own] : own;
  return `{"indexes":[${all.join(",")}],"uuid":"${uuid}","collectionName":${JSON.stringify(name)},"type":"${type}","options":${text(options)}}`;
}
