import { requireName } from "../entity-names.ts";
import { LockstepError } from "../errors.ts";
import { limits } from "../limits.ts";

/**
 * The one database that all fleets of a replica set share, with the collections `fleets`, `claims` and `fences`.
 * Its name is fixed, so rights can be granted on it.
 */
export const sharedDatabaseName = "lockstep";

/** The collection of claims: each is a database that one process has taken for itself. */
export const claimsCollectionName = "claims";

const prefix = `${sharedDatabaseName}_`;
const scratchInfix = "_scratch_";

/** True for a name that the server accepts for a database. Pure. */
export function isDatabaseName(name: string): boolean {
  // Half a surrogate pair of JavaScript is no character in UTF-8.
  return (
    /^[^/\\. "$*<>:|?\0\p{Surrogate}]+$/u.test(name) &&
    Buffer.byteLength(name) <= limits.databaseNameBytesMax
  );
}

/** True for a database that belongs to the server or to Lockstep. Pure. */
export function isReservedName(name: string): boolean {
  const lower = name.toLowerCase();
  return (
    ["admin", "local", "config", sharedDatabaseName].includes(lower) || lower.startsWith(prefix)
  );
}

/**
 * The control database of a fleet. It is never the database that is backed up.
 * @throws LockstepError `bad-argument` for a fleet's name that cannot be part of a database's
 */
export function controlDatabaseName(fleet: string): string {
  const advice =
    "it is the database's name by default; name the fleet with --fleet (in an application: `fleet`)";
  requireName("fleet", fleet, advice);
  // Such a name would be the control database of one fleet and a scratch database of another.
  if (/_scratch_\d+$/i.test(fleet)) {
    throw new LockstepError(
      "bad-argument",
      `expected a fleet's name that does not end like a scratch database (${scratchInfix}1), got "${fleet}": ${advice}`,
    );
  }
  return `${prefix}${fleet}`;
}

/** The scratch databases of a fleet, in which copies are proven and steps rehearsed. Pure. */
export function scratchDatabaseNames(controlDatabase: string): readonly string[] {
  return Array.from(
    { length: limits.scratchDatabases },
    (_, index) => `${controlDatabase}${scratchInfix}${index + 1}`,
  );
}

/** The control databases to which the databases with a name of Lockstep belong, each once. Pure. */
export function controlsOf(names: readonly string[]): readonly string[] {
  const own = names.filter((name) => name.toLowerCase().startsWith(prefix));
  return [...new Set(own.map((name) => name.replace(/_scratch_\d+$/i, "")))];
}

/**
 * Refuses a name that cannot be an application's database.
 * @throws LockstepError `bad-argument`
 */
export function requireApplicationDatabaseName(name: string): void {
  // Callers without types may give anything.
  if (typeof name !== "string" || !isDatabaseName(name)) {
    throw new LockstepError(
      "bad-argument",
      `expected a database's name, got "${name}": 1 to ${limits.databaseNameBytesMax} bytes without /\\. "$*<>:|?`,
    );
  }
  if (isReservedName(name)) {
    throw new LockstepError(
      "bad-argument",
      `"${name}" is a database of the server or of Lockstep (${sharedDatabaseName} and ${prefix}…): name another`,
    );
  }
}
