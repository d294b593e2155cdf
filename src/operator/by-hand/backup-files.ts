import { join, resolve } from "node:path";
import { readManifest, verifyDump } from "../../database/backup/dump/verify-dump.ts";
import { leftOut } from "../../database/backup/left-out.ts";
import { reportTenths } from "../../database/backup/load-progress.ts";
import { lookAlikes } from "../../database/backup/look-alikes.ts";
import type { Manifest } from "../../database/backup/manifest.ts";
import { backupsIn } from "../../database/backup/retention.ts";
import { unsupportedIn } from "../../database/backup/supported.ts";
import { requireName } from "../../entity-names.ts";
import { LockstepError, messageOf } from "../../errors.ts";
import type { LoadProgress } from "../../journal/fence.ts";
import { systemClock } from "../../ports/clock.ts";

/** The facts of a backup, for people and for scripts. */
export interface BackupSummary {
  readonly id: string;
  readonly fleet: string;
  readonly database: string;
  /** Empty for a backup that was taken before any version was declared. */
  readonly version: string;
  /** The moment of its data, as an ISO date. */
  readonly time: string;
  readonly server: string;
  readonly collections: number;
  readonly documents: number;
  readonly bytes: number;
}

/** The facts of a backup by its manifest. Pure. */
export function summaryOf(manifest: Manifest): BackupSummary {
  const sum = (field: "documents" | "bytes") =>
    manifest.collections.reduce((total, entry) => total + entry[field], 0);
  return {
    id: manifest.backupId,
    fleet: manifest.fleet,
    database: manifest.databaseName,
    version: manifest.version,
    time: new Date(Number(manifest.time.split(":")[0]) * 1000).toISOString(),
    server: manifest.serverVersion,
    collections: manifest.collections.length,
    documents: sum("documents"),
    bytes: sum("bytes"),
  };
}

/**
 * The names of collections that stock mongorestore cannot restore. It has only the metadata files, whereas our own
 * restore reads definitions as bytes. Pure.
 */
export function beyondStockRestore(manifest: Manifest): readonly string[] {
  return lookAlikes(manifest.collections);
}

/**
 * The folder of one backup, which lies within the directory.
 * @throws LockstepError `bad-argument`
 */
export function backupFolder(directory: string, id: string): string {
  requireName("backup", id);
  return join(resolve(directory), id);
}

/** A backup of a directory, or why it cannot be read. */
export type ListedBackup =
  | { readonly id: string; readonly summary: BackupSummary }
  | { readonly id: string; readonly damage: string };

/**
 * Each folder of a directory that has a manifest, by the folder's name.
 * @throws LockstepError `bad-argument`
 */
export async function* listBackups(directory: string): AsyncGenerator<ListedBackup> {
  const root = resolve(directory);
  const ids = await backupsIn(root).catch((error: unknown) => {
    throw new LockstepError(
      "bad-argument",
      `expected a directory of backups, got: ${messageOf(error)}`,
    );
  });
  for (const id of ids) {
    try {
      yield { id, summary: { ...summaryOf(await readManifest(join(root, id))), id } };
    } catch (error) {
      yield { id, damage: messageOf(error) };
    }
  }
}

/** The manifest of a backup, without a look at its data. */
export function readBackup(directory: string, id: string): Promise<Manifest> {
  return readManifest(backupFolder(directory, id));
}

/**
 * Hashes every file of a backup again.
 * @param options.signal ends it with its reason
 * @param options.onNotice gets the entries of its folder that are no part of it
 * @throws LockstepError `backup-mismatch`
 */
export async function verifyBackup(
  folder: string,
  options: {
    readonly signal: AbortSignal;
    readonly onProgress?: (progress: LoadProgress) => void;
    readonly onNotice?: (text: string) => void;
  },
): Promise<Manifest> {
  const { signal, onProgress } = options;
  const report =
    onProgress &&
    reportTenths(systemClock, summaryOf(await readManifest(folder)).bytes, onProgress);
  const manifest = await verifyDump(folder, (bytes) => {
    signal.throwIfAborted();
    report?.(bytes);
  });
  // Our own copies hold none of this. An attacker's could pass for an argument of a command.
  const odd = unsupportedIn(manifest);
  if (odd.length > 0) {
    throw new LockstepError(
      "backup-mismatch",
      `${folder} holds what no backup holds: ${odd.join("; ")}: use another copy of this backup`,
      { path: folder, found: odd },
    );
  }
  for (const text of await leftOut(folder, manifest)) options.onNotice?.(text);
  return manifest;
}
