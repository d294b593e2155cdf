import { counted } from "../../../counted.ts";
import {
  type BackupSummary,
  backupFolder,
  beyondStockRestore,
  listBackups,
  readBackup,
  summaryOf,
  verifyBackup,
} from "../../../operator/by-hand/backup-files.ts";
import { backUp } from "../../../operator/by-hand/data-by-hand.ts";
import { printableLine } from "../../../printable.ts";
import { exitCodes } from "../../exit-codes.ts";
import { jsonLine } from "../../output/json-line.ts";
import { bytesText } from "../../render/fleet.ts";
import { printNotice, printProgress } from "../../render/progress.ts";
import { fleetOptions, type SharedOptions, type Terminal } from "../../run.ts";

export interface DirectoryOptions {
  readonly directory: string;
  readonly json?: boolean;
}

export type BackupOptions = SharedOptions & DirectoryOptions;

export type CreateOptions = BackupOptions & { readonly gzip?: boolean };

function line({
  id,
  database,
  version,
  time,
  collections,
  documents,
  bytes,
}: BackupSummary): string {
  const of = version === "" ? "" : `, version ${version}`;
  return printableLine(
    `${id}  ${database}${of}  ${time}  ${counted(collections, "collection")}, ${counted(documents, "document")}, ${bytesText(bytes)}`,
  );
}

/** `lockstep backup create ID`. */
export async function createBackupCommand(
  id: string,
  options: CreateOptions,
  terminal: Terminal,
): Promise<number> {
  const { directory, gzip = false } = options;
  backupFolder(directory, id);
  const onProgress = printProgress(options, terminal);
  const notice = printNotice(options, terminal);
  const manifest = await backUp({
    ...fleetOptions(options, terminal),
    ...{ directory, id, gzip, onProgress, onNotice: notice },
  });
  const summary = summaryOf(manifest);
  terminal.out(
    options.json
      ? jsonLine({ type: "backup", ...summary })
      : `backed up and proven\n${line(summary)}`,
  );
  for (const name of beyondStockRestore(manifest)) {
    notice(
      printableLine(
        `stock mongorestore cannot restore this backup: a definition of "${name}" holds a literal that looks like Extended JSON (as {"$oid": "x"}); lockstep restore can`,
      ),
    );
  }
  return exitCodes.done;
}

/** `lockstep backup list`. */
export async function list(options: DirectoryOptions, terminal: Terminal): Promise<number> {
  for await (const found of listBackups(options.directory)) {
    if ("summary" in found) {
      const { summary } = found;
      terminal.out(options.json ? jsonLine({ type: "backup", ...summary }) : line(summary));
      continue;
    }
    const { id, damage } = found;
    terminal.out(
      options.json
        ? jsonLine({ type: "damaged", id, message: damage })
        : printableLine(`${id}  damaged: ${damage}`),
    );
  }
  return exitCodes.done;
}

/** `lockstep backup verify ID`. */
export async function verify(
  id: string,
  options: DirectoryOptions,
  terminal: Terminal,
): Promise<number> {
  const manifest = await verifyBackup(backupFolder(options.directory, id), {
    signal: terminal.signal,
    onProgress: printProgress(options, terminal),
    onNotice: printNotice(options, terminal),
  });
  const summary = summaryOf(manifest);
  terminal.out(
    options.json
      ? jsonLine({ type: "verified", ...summary })
      : `every file is as it was written\n${line(summary)}`,
  );
  return exitCodes.done;
}

/** `lockstep backup show ID`. */
export async function show(
  id: string,
  options: DirectoryOptions,
  terminal: Terminal,
): Promise<number> {
  const manifest = await readBackup(options.directory, id);
  const summary = summaryOf(manifest);
  terminal.out(options.json ? jsonLine({ type: "backup", ...summary }) : line(summary));
  for (const { name, type, documents, bytes, indexes } of manifest.collections) {
    const what =
      type === "view" ? "view" : `${counted(documents, "document")}, ${bytesText(bytes)}`;
    terminal.out(
      options.json
        ? jsonLine({ type: "collection", name, kind: type, documents, bytes, indexes })
        : printableLine(`  ${name}  ${what}, ${counted(indexes.length, "index", "indexes")}`),
    );
  }
  return exitCodes.done;
}
