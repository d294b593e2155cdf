import { counted } from "../../../counted.ts";
import { backupFolder, summaryOf } from "../../../operator/by-hand/backup-files.ts";
import {
  checkRestore,
  restoreInto,
  restoreRequest,
} from "../../../operator/by-hand/data-by-hand.ts";
import { exitCodes } from "../../exit-codes.ts";
import { requireConfirmation } from "../../input/confirmation.ts";
import { jsonLine } from "../../output/json-line.ts";
import { bytesText } from "../../render/fleet.ts";
import { printNotice, printProgress } from "../../render/progress.ts";
import { fleetOptions, type Terminal, withFleet } from "../../run.ts";
import { printAccepted, type WaitOptions, waitForEnd } from "../../wait-for-end.ts";
import type { BackupOptions } from "./backup.ts";

export interface RestoreOptions extends BackupOptions, WaitOptions {
  readonly toDb?: string;
  readonly dryRun?: boolean;
  readonly confirm?: string;
}

/** `lockstep restore ID`: over the live database, or beside it with `--to-db NAME`. */
export function restoreCommand(
  id: string,
  options: RestoreOptions,
  terminal: Terminal,
): Promise<number> {
  const { toDb } = options;
  return toDb === undefined
    ? restoreLive(id, options, terminal)
    : restoreBesideLive(id, toDb, options, terminal);
}

async function restoreBesideLive(
  id: string,
  to: string,
  options: RestoreOptions,
  terminal: Terminal,
): Promise<number> {
  const dryRun = options.dryRun === true;
  const plan = await restoreInto({
    ...fleetOptions(options, terminal),
    ...{ folder: backupFolder(options.directory, id), to, dryRun },
    onNotice: printNotice(options, terminal),
    onProgress: printProgress(options, terminal),
  });
  if (options.json) {
    terminal.out(
      dryRun
        ? jsonLine({ type: "restore-plan", backupId: id, to, version: null, ...plan })
        : jsonLine({ type: "restored", backupId: id, to, ...plan }),
    );
    return exitCodes.done;
  }
  const what = `${counted(plan.collections, "collection")}, ${counted(plan.documents, "document")}, ${bytesText(plan.bytes)}`;
  terminal.out(
    dryRun
      ? `would restore ${what} into "${to}"; nothing was written`
      : `restored into "${to}" and proven: ${what}`,
  );
  return exitCodes.done;
}

/** Replaces the live data. That is an operation of the fleet, through the same slot as an upgrade. */
async function restoreLive(
  id: string,
  options: RestoreOptions,
  terminal: Terminal,
): Promise<number> {
  const folder = backupFolder(options.directory, id);
  const manifest = await checkRestore({
    ...{ ...fleetOptions(options, terminal), folder },
    onNotice: printNotice(options, terminal),
  });
  const { database, version, bytes, documents, collections } = summaryOf(manifest);
  if (options.dryRun) {
    terminal.out(
      options.json
        ? jsonLine({
            ...{ type: "restore-plan", backupId: id, to: database, version },
            ...{ collections, documents, bytes },
          })
        : `would put "${database}" back on ${counted(collections, "collection")}, ${bytesText(bytes)}, version ${version}; nothing was written`,
    );
    return exitCodes.done;
  }
  const what = `the data of "${database}" will be replaced`;
  await requireConfirmation(database, what, options, terminal);
  return withFleet(options, terminal, async (fleet) => {
    // The id by which agents look for their copies is the folder's name.
    const accepted = await fleet.request(restoreRequest(id, manifest));
    printAccepted(accepted, options, terminal);
    return waitForEnd(fleet, accepted.upgradeId ?? "", options, terminal);
  });
}
