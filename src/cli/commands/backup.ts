import { join, resolve } from "node:path";
import { readVersions } from "../../control/versions.ts";
import { createBackup } from "../../database/backup/backup.ts";
import { lookAlikes } from "../../database/backup/look-alikes.ts";
import type { Manifest } from "../../database/backup/manifest.ts";
import { backupsIn } from "../../database/backup/retention.ts";
import { readManifest, verifyDump } from "../../database/backup/verify-dump.ts";
import { requireName } from "../../entity-names.ts";
import { LockstepError, messageOf } from "../../errors.ts";
import { silentLog } from "../../log.ts";
import { databaseSize } from "../../mongo/requirements/space.ts";
import { systemClock } from "../../ports/clock.ts";
import { noFaults } from "../../ports/fault-point.ts";
import { exitCodes } from "../exit-codes.ts";
import { printableLine } from "../printable.ts";
import { createProgress, interruptible } from "../progress.ts";
import { bytesText } from "../render.ts";
import type { Terminal } from "../run.ts";
import { type DatabaseOptions, withDatabase } from "../with-database.ts";

export interface DirectoryOptions {
  readonly directory: string;
  readonly json?: boolean;
}

export type BackupOptions = DatabaseOptions & DirectoryOptions;

export type CreateOptions = BackupOptions & { readonly gzip?: boolean };

/** The folder of one backup, which must lie within the directory. */
export function backupFolder(directory: string, id: string): string {
  requireName("backup", id);
  return join(resolve(directory), id);
}

function summary(manifest: Manifest) {
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

function line(manifest: Manifest): string {
  const { id, database, version, time, collections, documents, bytes } = summary(manifest);
  const of = version === "" ? "" : `, version ${version}`;
  return printableLine(
    `${id}  ${database}${of}  ${time}  ${collections} collections, ${documents} documents, ${bytesText(bytes)}`,
  );
}

/** Lockstep's own restore reads definitions as bytes; stock mongorestore has only the metadata files. */
function printLookAlikes(manifest: Manifest, options: CreateOptions, terminal: Terminal): void {
  for (const name of lookAlikes(manifest.collections)) {
    const text = printableLine(
      `stock mongorestore cannot restore this backup: a definition of "${name}" holds a literal that looks like Extended JSON (as {"$oid": "x"}); lockstep restore can`,
    );
    terminal.out(options.json ? JSON.stringify({ type: "notice", text }) : `notice: ${text}`);
  }
}

/** `lockstep backup create ID`. */
export function createBackupCommand(
  id: string,
  options: CreateOptions,
  terminal: Terminal,
): Promise<number> {
  return withDatabase({ ...options, work: "backup" }, async (database) => {
    const { client, withMember, store, databaseName, controlDatabaseName } = database;
    backupFolder(options.directory, id);
    const { dataSizeBytes } = await databaseSize(client, databaseName);
    const manifest = await createBackup({
      // Dumped, then loaded again: both are told.
      onBytes: createProgress(2 * dataSizeBytes, options, terminal),
      ...{ client, withMember, databaseName, backupId: id, root: resolve(options.directory) },
      control: { client, databaseName: controlDatabaseName },
      version: (await readVersions(store))?.databaseVersion ?? "",
      gzip: options.gzip === true,
      purpose: `the proof of backup ${id}`,
      ...{ signal: terminal.signal, faultPoints: noFaults, clock: systemClock, log: silentLog },
    });
    terminal.out(
      options.json
        ? JSON.stringify({ type: "backup", ...summary(manifest) })
        : `backed up and proven\n${line(manifest)}`,
    );
    printLookAlikes(manifest, options, terminal);
    return exitCodes.done;
  });
}

/** `lockstep backup list`: each folder that has a manifest, by the folder's name; a damaged one is listed as such. */
export async function list(options: DirectoryOptions, terminal: Terminal): Promise<number> {
  const root = resolve(options.directory);
  const names = await backupsIn(root).catch((error: unknown) => {
    throw new LockstepError(
      "bad-argument",
      `expected a directory of backups, got: ${messageOf(error)}`,
    );
  });
  for (const name of names) {
    try {
      const manifest = await readManifest(join(root, name));
      terminal.out(
        options.json
          ? JSON.stringify({ type: "backup", ...summary(manifest), id: name })
          : line({ ...manifest, backupId: name }),
      );
    } catch (error) {
      const found = messageOf(error);
      terminal.out(
        options.json
          ? JSON.stringify({ type: "damaged", id: name, message: found })
          : printableLine(`${name}  damaged: ${found}`),
      );
    }
  }
  return exitCodes.done;
}

/** `lockstep backup verify ID`. */
export async function verify(
  id: string,
  options: DirectoryOptions,
  terminal: Terminal,
): Promise<number> {
  const directory = backupFolder(options.directory, id);
  const { bytes } = summary(await readManifest(directory));
  const onBytes = interruptible(terminal, createProgress(bytes, options, terminal));
  const manifest = await verifyDump(directory, onBytes);
  terminal.out(
    options.json
      ? JSON.stringify({ type: "verified", ...summary(manifest) })
      : `every file is as it was written\n${line(manifest)}`,
  );
  return exitCodes.done;
}

/** `lockstep backup show ID`. */
export async function show(
  id: string,
  options: DirectoryOptions,
  terminal: Terminal,
): Promise<number> {
  const manifest = await readManifest(backupFolder(options.directory, id));
  if (options.json) {
    terminal.out(JSON.stringify({ type: "backup", ...summary(manifest) }));
    for (const { name, type, documents, bytes, indexes } of manifest.collections) {
      terminal.out(
        JSON.stringify({ type: "collection", name, kind: type, documents, bytes, indexes }),
      );
    }
    return exitCodes.done;
  }
  terminal.out(line(manifest));
  for (const { name, type, documents, bytes, indexes } of manifest.collections) {
    const what = type === "view" ? "view" : `${documents} documents, ${bytesText(bytes)}`;
    terminal.out(printableLine(`  ${name}  ${what}, ${indexes.length} indexes`));
  }
  return exitCodes.done;
}
