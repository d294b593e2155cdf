import type { MongoClient } from "mongodb";
import { isLockstepError, LockstepError, messageOf } from "../../errors.ts";
import {
  type Claim,
  claimText,
  isOver,
  readClaims,
  type SeenClaim,
  takeClaim,
} from "../../leadership/claims.ts";
import { limits } from "../../limits.ts";
import type { Log } from "../../log.ts";
import { requireApplicationDatabaseName } from "../../mongo/database-names.ts";
import type { WithMember } from "../../mongo/members.ts";
import { requireNamesFit } from "../../mongo/requirements/name-lengths.ts";
import { filesOf, requireFilesForCopy } from "../../mongo/requirements/open-files.ts";
import { checkServerVersions } from "../../mongo/requirements/server-versions.ts";
import { requireRoomForCopy } from "../../mongo/requirements/space.ts";
import type { Clock } from "../../ports/clock.ts";
import type { FaultPoints } from "../../ports/fault-point.ts";
import type { Manifest } from "../backup/manifest.ts";
import { type ClaimedDatabase, createClaimed, dropCreated, holdsMore } from "./claimed-database.ts";
import { requireIndexesTaken } from "./index-trials.ts";
import { loadDatabase } from "./load/load-database.ts";

function refuse(message: string): LockstepError {
  return new LockstepError("bad-argument", message);
}

/**
 * Refuses the name of an existing database, also one that differs in case only.
 * @throws LockstepError `bad-argument`
 */
async function requireFreeName(client: MongoClient, name: string): Promise<void> {
  const { databases } = await client.db("admin").admin().listDatabases({ nameOnly: true });
  const same = databases.find((found) => found.name.toLowerCase() === name.toLowerCase());
  if (!same) return;
  throw refuse(
    same.name === name
      ? `"${name}" exists: name a database that does not, or drop that one`
      : `"${name}" differs from "${same.name}" in case only: name another`,
  );
}

/**
 * @throws LockstepError `bad-argument` where another process restores into the database of this name, or left a
 *   restore unfinished in one whose name differs in case only: the remains are cleared under that name
 */
function requireUnclaimed(seen: SeenClaim | undefined, name: string, fleet: string): void {
  if (!seen) return;
  if (isOver(seen, fleet, 0)) {
    if (seen.name === name || seen.created.length === 0) return;
    throw refuse(
      `"${name}" differs in case only from "${seen.name}", where a restore was interrupted: restore into "${seen.name}", or name another`,
    );
  }
  throw refuse(
    `"${name}" is claimed: ${claimText(seen)}: wait until that has ended, or name another; the claim of a process that was killed ends within ${limits.claimTtlMs / 1000} s`,
  );
}

/**
 * Claims the name before anything else.
 * @throws LockstepError `bad-argument`
 */
async function claimName(options: RestoreBesideOptions): Promise<Claim> {
  const { client, databaseName: name, fleet, faultPoints, log, clock } = options;
  const [seen] = await readClaims(client, [name]);
  requireUnclaimed(seen, name, fleet);
  const purpose = "a restore";
  const claim = await takeClaim({ client, name, purpose, fleet, faultPoints, log, clock }, seen);
  if (claim) return claim;
  const [first] = await readClaims(client, [name]);
  requireUnclaimed(first, name, fleet);
  throw refuse(`another process has restored into "${name}" meanwhile: name another`);
}

/**
 * Refuses a server of another major version, which may read the same files differently.
 * @throws LockstepError `database-not-supported`
 */
export async function requireSameServer(client: MongoClient, backupVersion: string): Promise<void> {
  // A stock dump may lack the version.
  if (backupVersion === "") return;
  const { version } = await client.db("admin").command({ buildInfo: 1 });
  const major = (text: string) => text.split(".")[0];
  if (major(String(version)) === major(backupVersion)) return;
  throw new LockstepError(
    "database-not-supported",
    `expected a backup of MongoDB ${major(String(version))}, got one of ${backupVersion}: restore it there, or by hand with mongorestore`,
  );
}

/** The plan of a restore. */
export interface RestorePlan {
  readonly collections: number;
  readonly documents: number;
  readonly bytes: number;
}

export interface RestoreBesideOptions {
  readonly client: MongoClient;
  readonly withMember: WithMember;
  readonly databaseName: string;
  /** The control database of the fleet for which the command runs. */
  readonly fleet: string;
  readonly directory: string;
  /** The manifest of verified files. */
  readonly manifest: Manifest;
  /** True for a restore that checks everything and writes nothing. */
  readonly dryRun: boolean;
  onBytes?(bytes: number): void;
  readonly signal: AbortSignal;
  readonly faultPoints: FaultPoints;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Notes, before the claim ends, that this restore may no longer drop anything. The database is the user's from then
 * on, and the next restore into that name must not take it for remains.
 */
async function handOver(
  { client, faultPoints }: RestoreBesideOptions,
  claim: Claim,
): Promise<void> {
  try {
    await faultPoints.write("restore-hand-over", () => claim.hold({ $set: { created: [] } }));
  } catch (error) {
    // The answer may be lost. The claim tells whether the note is there.
    const [own] = await readClaims(client, [claim.name]);
    if (own?.owner !== claim.key.owner || own.created.length > 0) throw error;
  }
}

/** Loads the backup under the claim. Where that fails, it drops the collections that it has created. */
async function restoreClaimed(options: RestoreBesideOptions, claim: Claim): Promise<void> {
  const { client, faultPoints, clock, log } = options;
  const signal = AbortSignal.any([options.signal, claim.signal]);
  const database: ClaimedDatabase = { client, claim, signal, faultPoints, clock };
  try {
    // Drops the remains of an unfinished restore.
    await dropCreated(database);
    await requireFreeName(client, claim.name);
    await requireIndexesTaken({ client, databaseName: claim.name, signal }, options.manifest);
    await loadDatabase(
      { ...options, signal, create: (command, type) => createClaimed(database, command, type) },
      options.directory,
      options.manifest,
    );
    await handOver(options, claim);
  } catch (error) {
    await dropCreated(database)
      .then(() => claim.release())
      .catch((left: unknown) => {
        claim.abandon();
        // Another process has cleared this work away: neither the backup nor the server has a fault.
        if (isLockstepError(left, "conflict") && isLockstepError(error)) throw left;
        log.warn(
          { claim: claim.name, error: messageOf(left) },
          "the remains of a restore could not be dropped",
        );
      });
    throw error;
  }
  // The restored data is safe already. A claim that stays runs out with its lease.
  await claim.release().catch((error: unknown) => {
    claim.abandon();
    log.warn(
      { claim: claim.name, error: messageOf(error) },
      "the claim of a restore could not be released",
    );
  });
}

/**
 * Restores a backup into a new database and proves it. It touches nothing else: the name is claimed for the whole
 * time, nothing is loaded over an existing collection, and a failure drops only collections of its own. The next
 * restore into that name clears the remains of an unfinished one.
 * @throws LockstepError `bad-argument`, `backup-mismatch`, `conflict` where another process has taken the claim over,
 *   `database-not-supported`, `disk-full`, `files-short`
 */
export async function restoreBeside(options: RestoreBesideOptions): Promise<RestorePlan> {
  const { client, databaseName, manifest } = options;
  requireApplicationDatabaseName(databaseName);
  await checkServerVersions(options);
  await requireSameServer(client, manifest.serverVersion);
  const sum = (field: "documents" | "bytes") =>
    manifest.collections.reduce((total, entry) => total + entry[field], 0);
  const plan: RestorePlan = {
    collections: manifest.collections.length,
    documents: sum("documents"),
    bytes: sum("bytes"),
  };
  requireNamesFit(manifest, [databaseName]);
  await requireFilesForCopy(options, { liveFiles: 0, addedFiles: filesOf(manifest) });
  // The documents need this room, and the oplog needs it once more.
  await requireRoomForCopy(options, 2 * plan.bytes + limits.spaceMarginBytes);
  if (options.dryRun) {
    const [seen] = await readClaims(client, [databaseName]);
    requireUnclaimed(seen, databaseName, options.fleet);
    if (!seen || (await holdsMore(client, seen))) await requireFreeName(client, databaseName);
    await requireIndexesTaken(options, manifest);
    return plan;
  }
  await restoreClaimed(options, await claimName(options));
  return plan;
}
