import { LockstepError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { type Catalogue, dataCollection } from "../catalogue/catalogue.ts";

/** True where a name fits: the server counts the names of collection and database with the dot between them. Pure. */
function fits(databaseName: string, collectionName: string): boolean {
  return Buffer.byteLength(`${databaseName}.${collectionName}`) <= limits.namespaceBytesMax;
}

/**
 * Refuses collections whose names do not fit into the databases to which they are copied. The names of those
 * databases may be longer than that of their own. Pure.
 * @throws LockstepError `database-not-supported`, with the collections and the limit
 */
export function requireNamesFit(catalogue: Catalogue, databaseNames: readonly string[]): void {
  const longest = databaseNames.toSorted(
    (left, right) => Buffer.byteLength(right) - Buffer.byteLength(left),
  )[0];
  if (longest === undefined) return;
  const long = catalogue.collections
    .map((entry) => dataCollection(entry) ?? entry.name)
    .filter((name) => !fits(longest, name));
  if (long.length === 0) return;
  const roomBytes = limits.namespaceBytesMax - Buffer.byteLength(`${longest}.`);
  const words = long.map((name) => `"${name}" (${Buffer.byteLength(name)})`);
  throw new LockstepError(
    "database-not-supported",
    `expected collections with names of at most ${roomBytes} bytes, found ${words.join(", ")}: each is copied into the database "${longest}", and the server takes ${limits.namespaceBytesMax} bytes for both names; nothing was touched; rename them, or choose a shorter name for the fleet or the database`,
    { found: long, roomBytes },
  );
}
