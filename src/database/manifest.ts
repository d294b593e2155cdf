import { createHash } from "node:crypto";
import type { CollectionEntry } from "./catalogue.ts";

/** One collection's file in a dump. */
export interface DumpedCollection extends CollectionEntry {
  /** File name without its ending. */
  readonly file: string;
  readonly bytes: number;
  readonly documents: number;
  readonly sha256: string;
  /** The server's hash of the live collection at T. */
  readonly hash: string;
}

/** What a dump holds: written last, so a dump without one is none. */
export interface Manifest {
  readonly format: 1;
  readonly backupId: string;
  readonly databaseName: string;
  readonly time: string;
  readonly serverVersion: string;
  readonly collections: readonly DumpedCollection[];
  /** Equal on every host that holds this backup. */
  readonly digest: string;
}

export const manifestName = "manifest.json";

/** The digest of a dump: over names and contents, not over when or where it was taken. Pure. */
export function manifestDigest(collections: readonly DumpedCollection[]): string {
  const lines = collections.map(({ name, sha256, documents, options, indexes }) =>
    JSON.stringify([name, sha256, documents, options, indexes]),
  );
  return createHash("sha256").update(lines.toSorted().join("\n")).digest("hex");
}

/** The file name of a collection, as mongodump escapes it. Pure. */
export function escapeName(name: string): string {
  return encodeURIComponent(name)
    .replace(/%20/g, "+")
    .replace(/[!'()*]/g, (character) => {
      return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
    });
}
