import { keptBytes } from "../../control/kept-catalogues.ts";
import { LockstepError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { type Catalogue, dataCollection } from "../../mongo/catalogue/catalogue.ts";
import type { Catalogued } from "./copies/backup-point.ts";

/** A digest as long as any: the real ones are not known yet. */
const anyDigest = { hash: "0".repeat(32), count: Number.MAX_SAFE_INTEGER };

/** The bytes that an upgrade stores of a database's definitions and hashes. Pure. */
export function catalogueBytes(catalogue: Catalogue): number {
  const names = catalogue.collections.map((entry) => dataCollection(entry) ?? entry.name);
  const digest = Object.fromEntries(names.map((name) => [name, anyDigest]));
  return keptBytes({ catalogue, digest } satisfies Catalogued);
}

/**
 * Refuses definitions that are too large to be stored for an upgrade. Pure.
 * @throws LockstepError `database-not-supported`, with the figures
 */
export function requireDefinitionsFit(catalogue: Catalogue): void {
  const neededBytes = catalogueBytes(catalogue) + limits.definitionsGrowthBytes;
  if (neededBytes <= limits.catalogueBytesMax) return;
  const count = catalogue.collections.length;
  throw new LockstepError(
    "database-not-supported",
    `expected definitions of collections and indexes of at most ${limits.catalogueBytesMax} bytes as an upgrade stores them, found ${count} collections that take ${neededBytes}: nothing was touched; move some of them to another database`,
    { collections: count, neededBytes, maxBytes: limits.catalogueBytesMax },
  );
}
