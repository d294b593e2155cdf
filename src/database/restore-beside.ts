import type { MongoClient } from "mongodb";
import { LockstepError } from "../errors.ts";
import { limits } from "../limits.ts";
import type { Log } from "../log.ts";
import type { Seam } from "../ports/seam.ts";
import { readCatalogue } from "./catalogue.ts";
import { requireApplicationDatabaseName } from "./database-names.ts";
import { dropIfThere } from "./load.ts";
import { loadDatabase } from "./load-database.ts";
import type { Manifest } from "./manifest.ts";
import type { WithMember } from "./members.ts";
import { hasCode, serverErrors } from "./server-errors.ts";
import { requireRoomForCopy } from "./space.ts";

/** Marks a database that is being filled: two restores into one never meet. */
const marker = "lockstep_restoring";

function refuse(message: string): LockstepError {
  return new LockstepError("bad-argument", message);
}

/**
 * Refuses a name that is, or would shadow, a database that is there.
 * @throws LockstepError `bad-argument`
 */
async function requireFreeName(client: MongoClient, name: string): Promise<void> {
  requireApplicationDatabaseName(name);
  const { databases } = await client.db("admin").admin().listDatabases({ nameOnly: true });
  const same = databases.find((found) => found.name.toLowerCase() === name.toLowerCase());
  if (!same) return;
  if (same.name !== name) {
    throw refuse(`"${name}" differs from "${same.name}" in case only: name another`);
  }
  const { collections } = await readCatalogue(client, name);
  throw refuse(
    collections.some((entry) => entry.name === marker)
      ? `somebody restores into "${name}", or a restore was cut short: wait, or drop that database`
      : `"${name}" exists: name a database that does not, or drop that one`,
  );
}

/**
 * A server of another major version may read the same files differently: nobody has tried.
 * @throws LockstepError `database-not-supported`
 */
export async function requireSameServer(client: MongoClient, backupVersion: string): Promise<void> {
  // A stock dump may not say.
  if (backupVersion === "") return;
  const { version } = await client.db("admin").command({ buildInfo: 1 });
  const major = (text: string) => text.split(".")[0];
  if (major(String(version)) === major(backupVersion)) return;
  throw new LockstepError(
    "database-not-supported",
    `expected a backup of MongoDB ${major(String(version))}, got one of ${backupVersion}: restore it there, or by hand with mongorestore`,
  );
}

/** What a restore would do. */
export interface RestorePlan {
  readonly collections: number;
  readonly documents: number;
  readonly bytes: number;
}

/**
 * Restores a backup into a database that does not exist, and proves it. Nothing else is touched.
 * @param options.dryRun checks everything and writes nothing
 * @throws LockstepError `bad-argument`, `backup-mismatch`, `database-not-supported`, `disk-full`
 */
export async function restoreBeside(options: {
  client: MongoClient;
  withMember: WithMember;
  databaseName: string;
  directory: string;
  /** Of verified files. */
  manifest: Manifest;
  dryRun: boolean;
  onBytes?: (bytes: number) => void;
  signal: AbortSignal;
  seam: Seam;
  log: Log;
}): Promise<RestorePlan> {
  const { client, databaseName, directory } = options;
  const { manifest } = options;
  await requireSameServer(client, manifest.serverVersion);
  const sum = (field: "documents" | "bytes") =>
    manifest.collections.reduce((total, entry) => total + entry[field], 0);
  const plan: RestorePlan = {
    collections: manifest.collections.length,
    documents: sum("documents"),
    bytes: sum("bytes"),
  };
  // The documents, and once more for the oplog.
  await requireRoomForCopy(options, 2 * plan.bytes + limits.spaceMarginBytes);
  // Last before the marker: asking the members takes time, in which another restore could have ended.
  await requireFreeName(client, databaseName);
  if (options.dryRun) return plan;
  await client
    .db(databaseName)
    .createCollection(marker)
    .catch(async (error: unknown) => {
      if (hasCode(error, serverErrors.namespaceExists)) await requireFreeName(client, databaseName);
      throw error;
    });
  try {
    await loadDatabase(options, directory, manifest, { beside: [marker] });
  } catch (error) {
    // It was not there before: half of it is of no use to anybody.
    await client.db(databaseName).dropDatabase({ writeConcern: { w: "majority" } });
    throw error;
  }
  await dropIfThere(client, databaseName, marker);
  return plan;
}
