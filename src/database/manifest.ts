import { createHash } from "node:crypto";
import type { CollectionEntry } from "./catalogue.ts";

/** One collection's files in a dump. */
export interface DumpedCollection extends CollectionEntry {
  /** Name of the metadata file, without its ending. */
  readonly file: string;
  /** Name of the file with the documents, without its ending; null for a view. */
  readonly dataFile: string | null;
  readonly bytes: number;
  readonly documents: number;
  readonly sha256: string;
  /** The server's hash of the live collection at T; empty for a view. */
  readonly hash: string;
}

/** What a dump holds: written last, so a dump without one is none. */
export interface Manifest {
  readonly format: 2;
  readonly backupId: string;
  /** Name of the fleet's control database: a backup of one fleet is none of another. */
  readonly fleet: string;
  readonly databaseName: string;
  /** The version that this data is of. */
  readonly version: string;
  readonly time: string;
  readonly serverVersion: string;
  /** Its files are zipped; lengths and hashes are of what is in them. */
  readonly gzip: boolean;
  readonly collections: readonly DumpedCollection[];
  /** Equal on every host that holds this backup. */
  readonly digest: string;
  /** SHA-256 over all the other fields: an edited manifest is noticed. */
  readonly seal: string;
}

export const manifestName = "manifest.json";

/** The digest of a dump: over names and contents, not over when or where it was taken. Pure. */
export function manifestDigest(collections: readonly DumpedCollection[]): string {
  const lines = collections.map(({ name, type, sha256, documents, options, indexes }) =>
    JSON.stringify([name, type, sha256, documents, options, indexes]),
  );
  return createHash("sha256").update(lines.toSorted().join("\n")).digest("hex");
}

/** The manifest with its seal. Pure. */
export function sealed(manifest: Omit<Manifest, "seal">): Manifest {
  return { ...manifest, seal: sealOf(manifest) };
}

/** What the seal of a manifest should be. Pure. */
export function sealOf(manifest: Omit<Manifest, "seal">): string {
  const { seal: _seal, ...rest } = manifest as Manifest;
  return createHash("sha256").update(JSON.stringify(rest)).digest("hex");
}

/** The text of a collection's metadata file: mongodump's. Pure. */
export function metadataOf({ name, uuid, options, indexes, type }: CollectionEntry): string {
  const idIndex = '{"v":{"$numberInt":"2"},"key":{"_id":{"$numberInt":"1"}},"name":"_id_"}';
  const all = type === "collection" ? [idIndex, ...indexes] : indexes;
  return `{"indexes":[${all.join(",")}],"uuid":"${uuid}","collectionName":${JSON.stringify(name)},"type":"${type}","options":${options}}`;
}

/** The file name of a collection, as mongodump escapes it. Pure. */
export function escapeName(name: string): string {
  return encodeURIComponent(name)
    .replace(/%20/g, "+")
    .replace(/[!'()*]/g, (character) => {
      return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
    });
}
