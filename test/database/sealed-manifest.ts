import { BSON } from "mongodb";
import {
  type DumpedCollection,
  type Manifest,
  manifestDigest,
  sealed,
} from "../../src/database/backup/manifest.ts";
import { definitionOf } from "../../src/mongo/catalogue/definition.ts";

const empty = definitionOf(BSON.serialize({}));
/** A collection without documents. */
export const entry: DumpedCollection = {
  ...{ name: "items", type: "collection", uuid: "0".repeat(32), options: empty, indexes: [] },
  ...{ file: "items", dataFile: "items", bytes: 0, documents: 0, hash: "" },
  // Of no bytes.
  sha256: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
};

/** A manifest with other fields, sealed as if we had written it. */
export function manifestWith(
  change: Record<string, unknown>,
  entries: unknown = [entry],
): Manifest {
  const collections = entries as Manifest["collections"];
  let digest = "0".repeat(64);
  try {
    digest = manifestDigest(collections);
  } catch {
    // Of no shape that a digest could be over.
  }
  return sealed({
    ...{
      format: 3,
      backupId: "u000001",
      fleet: "lockstep_shop",
      databaseName: "shop",
      version: "1.0.0",
    },
    ...{ time: "1700000000:1", serverVersion: "6.0.5", gzip: false, collections, digest },
    ...change,
  } as Omit<Manifest, "seal">);
}
