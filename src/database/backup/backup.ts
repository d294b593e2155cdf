import { access, constants, lstat, rm, rmdir, statfs } from "node:fs/promises";
import { join } from "node:path";
import type { MongoClient } from "mongodb";
import { isLockstepError, LockstepError, messageOf } from "../../errors.ts";
import type { Control } from "../../leadership/fences.ts";
import { limits } from "../../limits.ts";
import type { Log } from "../../log.ts";
import {
  type Catalogue,
  dataCollection,
  differences,
  isCapped,
  readCatalogue,
} from "../../mongo/catalogue/catalogue.ts";
import type { Digests } from "../../mongo/catalogue/digest.ts";
import { scratchDatabaseNames } from "../../mongo/database-names.ts";
import type { WithMember } from "../../mongo/members.ts";
import { requireNamesFit } from "../../mongo/requirements/name-lengths.ts";
import { filesOf, requireFilesForCopy } from "../../mongo/requirements/open-files.ts";
import { checkServerVersions } from "../../mongo/requirements/server-versions.ts";
import { databaseSize, requireRoomForCopy, spaceNeeded } from "../../mongo/requirements/space.ts";
import type { Clock } from "../../ports/clock.ts";
import type { FaultPoints } from "../../ports/fault-point.ts";
import { claimPrivateFolder, createPrivateFolder, writeFileAtomic } from "../../ports/files.ts";
import { historySecondsNeeded, holdingHistory, requireHistory } from "../history/history.ts";
import { historyError } from "../history/history-error.ts";
import { loadDatabase } from "../restore/load/load-database.ts";
import { type Scratch, withScratch } from "../restore/scratch.ts";
import { chooseBackupTime, parseBackupTime } from "./backup-time.ts";
import { dumpDatabase, dumpError } from "./dump/dump.ts";
import { type Manifest, manifestName, sealed } from "./manifest.ts";
import { partialEnding } from "./retention.ts";
import { refuseUnsupported } from "./supported.ts";

export interface BackupOptions {
  readonly client: MongoClient;
  readonly withMember: WithMember;
  readonly databaseName: string;
  readonly control: Control;
  /** The directory of the backups. This one gets a folder of its own there. */
  readonly root: string;
  readonly backupId: string;
  /** The version of the data, or empty where no fleet has declared one. */
  readonly version: string;
  readonly gzip?: boolean;
  /** Gets the number of bytes that are dumped, and again of those that are loaded for the proof. */
  onBytes?(bytes: number): void;
  /** The purpose of the claim on the scratch database in which the copy is proven. */
  readonly purpose: string;
  /** Further work in the scratch database before it is emptied. */
  inScratch?(manifest: Manifest, scratch: Scratch): Promise<void>;
  readonly signal: AbortSignal;
  readonly faultPoints: FaultPoints;
  readonly clock: Clock;
  readonly log: Log;
}

/** Refuses what the catalogue alone shows, before anything is written. */
async function requireFit(options: BackupOptions): Promise<void> {
  const catalogue = await readCatalogue(options.client, options.databaseName);
  requireNamesFit(catalogue, scratchDatabaseNames(options.control.databaseName));
  const files = filesOf(catalogue);
  await requireFilesForCopy(options, { liveFiles: files, addedFiles: files });
}

async function requireRoom(options: BackupOptions): Promise<void> {
  const size = await databaseSize(options.client, options.databaseName);
  const { agentBytes, restoreBytes } = spaceNeeded(size);
  const stepsBytes = options.inScratch ? Math.ceil(1.5 * size.dataSizeBytes) : 0;
  await requireRoomForCopy(options, restoreBytes + stepsBytes);
  const { bavail, bsize } = await createPrivateFolder(options.root)
    .then(() => access(options.root, constants.W_OK))
    .then(() => statfs(options.root))
    .catch((error: unknown) => {
      throw new LockstepError(
        "bad-argument",
        `expected a directory in which this user may write, got: ${messageOf(error)}: name another one, or change its rights`,
      );
    });
  if (bavail * bsize >= agentBytes) return;
  throw new LockstepError(
    "disk-full",
    `expected ${agentBytes} bytes free in ${options.root}, found ${bavail * bsize}: make room there, or name another directory`,
    { neededBytes: agentBytes, freeBytes: bavail * bsize },
  );
}

/** Counts the documents of each collection at T, as writers go on meanwhile. */
async function countsAt(
  { client, withMember, databaseName }: BackupOptions,
  catalogue: Catalogue,
  time: string,
): Promise<Digests> {
  const counts: Record<string, { hash: string; count: number }> = {};
  for (const entry of catalogue.collections) {
    const source = dataCollection(entry);
    if (source === null) continue;
    const readConcern = isCapped(entry)
      ? { level: "majority" }
      : { level: "snapshot", atClusterTime: parseBackupTime(time) };
    const pipeline = [{ $group: { _id: null, count: { $sum: 1 } } }];
    const answer = await client
      .db(databaseName)
      .command({ aggregate: source, pipeline, cursor: {}, readConcern })
      .catch(async (error: unknown) => {
        throw dumpError(await historyError({ client, withMember, time }, error));
      });
    counts[source] = { hash: "", count: Number(answer["cursor"].firstBatch[0]?.count ?? 0) };
  }
  return counts;
}

/** Proves a dump that was just made, and says so in its manifest. */
async function prove(
  options: BackupOptions,
  scratch: Scratch,
  directory: string,
  manifest: Manifest,
): Promise<Manifest> {
  await scratch.empty();
  const digests = await loadDatabase({ ...options, ...scratch.target }, directory, manifest);
  const { seal: _seal, ...rest } = manifest;
  const proven = sealed({
    ...rest,
    collections: rest.collections.map((entry) => ({
      ...entry,
      hash: digests[dataCollection(entry) ?? ""]?.hash ?? "",
    })),
  });
  const text = `${JSON.stringify(proven, null, 2)}\n`;
  await options.faultPoints.write("backup-proven", () =>
    writeFileAtomic(join(directory, manifestName), text),
  );
  await options.inScratch?.(proven, scratch);
  return proven;
}

/** @throws LockstepError `bad-argument` where anything is there */
async function requireFreeFolder(directory: string): Promise<void> {
  const isTaken = await lstat(directory).then(
    () => true,
    () => false,
  );
  if (!isTaken) return;
  const message = `expected an id that is free, found ${directory}: choose another id, or delete that one`;
  throw new LockstepError("bad-argument", message, { directory });
}

/**
 * Claims the id of a backup. Only one of two processes makes the folder into which it dumps.
 * @throws LockstepError `bad-argument`
 */
async function claimFolder({ faultPoints }: BackupOptions, directory: string): Promise<void> {
  const partial = `${directory}${partialEnding}`;
  await faultPoints
    .write("claim-folder", () => claimPrivateFolder(partial))
    .catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw dumpError(error);
      const message = `expected an id that is free, found ${partial}: another process is taking a backup of that id, or one was interrupted: wait for it, choose another id, or delete that folder`;
      throw new LockstepError("bad-argument", message, { directory: partial });
    });
  // Another process may have finished a backup of that id since.
  await requireFreeFolder(directory).catch(async (error: unknown) => {
    await rmdir(partial);
    throw error;
  });
}

/** Tries one moment: it makes a proven backup or nothing. */
async function createOnce(
  options: BackupOptions,
  scratch: Scratch,
  directory: string,
): Promise<Manifest> {
  const { client, databaseName, control, faultPoints } = options;
  const catalogue = await readCatalogue(client, databaseName);
  refuseUnsupported(catalogue);
  const { dataSizeBytes } = await databaseSize(client, databaseName);
  const manifest = await holdingHistory(options, historySecondsNeeded(dataSizeBytes), async () => {
    const time = await chooseBackupTime({ control, faultPoints });
    const digest = await countsAt(options, catalogue, time);
    await claimFolder(options, directory);
    return dumpDatabase({
      ...{ ...options, time, catalogue, digest, directory },
      ...{ fleet: control.databaseName, isClaimed: true },
    });
  });
  try {
    const after = await readCatalogue(client, databaseName);
    const changed = differences(catalogue, after, { ignoreUuid: false });
    if (changed.length > 0) {
      const message = `definitions changed during the copy: ${changed.join("; ")}: take the backup when no definition changes`;
      throw new LockstepError("moment-gone", message);
    }
    return await prove(options, scratch, directory, manifest);
  } catch (error) {
    // This process has dumped it. Without its proof it is no backup.
    await rm(directory, { recursive: true, force: true }).catch(() => {});
    throw error;
  }
}

/**
 * Takes a backup of a database in use at one moment, and proves it: the backup is restored beside the live database
 * and read again, byte for byte.
 * @throws LockstepError `moment-gone` after three moments, `backup-failed`, `backup-mismatch`, `bad-argument` for an
 *   id that is taken, `database-not-supported`, `disk-full`, `files-short`
 */
export async function createBackup(options: BackupOptions): Promise<Manifest> {
  const directory = join(options.root, options.backupId);
  await requireFreeFolder(directory);
  await checkServerVersions(options);
  await requireFit(options);
  await requireRoom(options);
  const { dataSizeBytes } = await databaseSize(options.client, options.databaseName);
  await requireHistory(options, dataSizeBytes);
  return withScratch(options, async (scratch) => {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await createOnce(options, scratch, directory);
      } catch (error) {
        const again = isLockstepError(error, "moment-gone") && attempt < limits.backupTimeTriesMax;
        if (!again) throw error;
        options.log.warn({ attempt, error: error.message }, "another moment is tried");
      }
    }
  });
}
