import type { Catalogue } from "../database/catalogue.ts";
import { LockstepError } from "../errors.ts";
import { limits } from "../limits.ts";

/** Of a digest in the journal, beside the collection's name. */
const digestBytes = 80;

/** The size of one entry of an upgrade's journal: the definitions as they were, those rehearsed, the digests. Pure. */
export function journalBytes(catalogue: Catalogue): number {
  const names = catalogue.collections.map(({ name }) => Buffer.byteLength(name) + digestBytes);
  const digests = names.reduce((sum, bytes) => sum + bytes, 0);
  return 2 * Buffer.byteLength(JSON.stringify(catalogue)) + digests;
}

/**
 * Refuses definitions that the upgrade's journal could not carry: its first entry that is too large would end
 * the upgrade with all gates shut. Pure.
 * @throws LockstepError `database-not-supported`, with the figures
 */
export function requireDefinitionsFit(catalogue: Catalogue): void {
  const neededBytes = journalBytes(catalogue) + limits.definitionsGrowthBytes;
  if (neededBytes <= limits.snapshotBytesMax) return;
  const count = catalogue.collections.length;
  throw new LockstepError(
    "database-not-supported",
    `expected definitions of collections and indexes that an upgrade's journal can carry, found ${count} collections that take ${neededBytes} bytes of it, and it takes ${limits.snapshotBytesMax}: nothing was touched; move some of them to another database`,
    { collections: count, neededBytes, maxBytes: limits.snapshotBytesMax },
  );
}
