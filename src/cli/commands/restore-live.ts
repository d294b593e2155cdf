import type { Manifest } from "../../database/backup/manifest.ts";
import { verifyDump } from "../../database/backup/verify-dump.ts";
import { requireSameServer } from "../../database/restore/restore-beside.ts";
import { LockstepError } from "../../errors.ts";
import { silentLog } from "../../log.ts";
import { filesOf } from "../../mongo/requirements/open-files.ts";
import { checkServerVersions } from "../../mongo/server-versions.ts";
import { exitCodes } from "../exit-codes.ts";
import { interruptible } from "../progress.ts";
import { bytesText } from "../render.ts";
import { type Terminal, withFleet } from "../run.ts";
import { tellAccepted, waitForEnd } from "../wait-for-end.ts";
import { type OpenDatabase, withDatabase } from "../with-database.ts";
import { type BackupOptions, backupFolder } from "./backup.ts";

export interface RestoreLiveOptions extends BackupOptions {
  readonly dryRun?: boolean;
  readonly confirm?: string;
}

/** @throws LockstepError `bad-argument`, `database-not-supported` */
async function requireOurs(manifest: Manifest, database: OpenDatabase): Promise<void> {
  const { databaseName, controlDatabaseName, client } = database;
  if (manifest.fleet !== controlDatabaseName || manifest.databaseName !== databaseName) {
    throw new LockstepError(
      "bad-argument",
      `expected a backup of "${databaseName}" and its fleet (${controlDatabaseName}), got one of "${manifest.databaseName}" (${manifest.fleet}): restore it beside, with --to-db NAME`,
    );
  }
  if (manifest.version === "") {
    throw new LockstepError(
      "bad-argument",
      "expected a backup that says which version it is of: this one was taken before any was declared; restore it beside, with --to-db NAME",
    );
  }
  await checkServerVersions({ ...database, log: silentLog });
  await requireSameServer(client, manifest.serverVersion);
}

/** Whoever replaces live data types its name. */
async function requireConfirmation(
  name: string,
  options: RestoreLiveOptions,
  terminal: Terminal,
): Promise<void> {
  const typed =
    options.confirm ??
    (await terminal.question(`the data of "${name}" will be replaced; type its name to go on: `));
  if (typed === name) return;
  throw new LockstepError(
    "bad-argument",
    typed === null
      ? `expected the database's name as confirmation: --confirm ${name}`
      : `expected the database's name "${name}" as confirmation, got "${typed}"`,
  );
}

/** Over the live database: an operation of the fleet, through the same slot as an upgrade. */
export async function restoreLive(
  id: string,
  options: RestoreLiveOptions,
  terminal: Terminal,
): Promise<number> {
  const directory = backupFolder(options.directory, id);
  const manifest = await verifyDump(directory, interruptible(terminal));
  const bytes = manifest.collections.reduce((sum, entry) => sum + entry.bytes, 0);
  const { digest, version, databaseName } = manifest;
  await withDatabase(
    options,
    async (database) => {
      await requireOurs(manifest, database);
      return exitCodes.done;
    },
    true,
  );
  const what = `${manifest.collections.length} collections, ${bytesText(bytes)}, version ${version}`;
  if (options.dryRun) {
    terminal.out(
      options.json
        ? JSON.stringify({ type: "plan", to: databaseName, backupId: id, version, bytes })
        : `would put "${databaseName}" back on ${what}; nothing was written`,
    );
    return exitCodes.done;
  }
  await requireConfirmation(databaseName, options, terminal);
  return withFleet(options, terminal, async (fleet) => {
    const backup = { backupId: id, digest, version, bytes, files: filesOf(manifest) };
    const accepted = await fleet.request({ kind: "restore", backup, deadlines: {} });
    tellAccepted(accepted, options, terminal);
    return waitForEnd(fleet, accepted.upgrade ?? "", options, terminal);
  });
}
