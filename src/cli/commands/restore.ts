import { verifyDump } from "../../database/backup/verify-dump.ts";
import { restoreBeside } from "../../database/restore/restore-beside.ts";
import { isStockDump, readStockDump } from "../../database/restore/stock-dump.ts";
import { silentLog } from "../../log.ts";
import { requireRights } from "../../mongo/requirements/rights.ts";
import { systemClock } from "../../ports/clock.ts";
import { noFaults } from "../../ports/fault-point.ts";
import { exitCodes } from "../exit-codes.ts";
import { createProgress, interruptible } from "../progress.ts";
import { bytesText } from "../render.ts";
import type { Terminal } from "../run.ts";
import { withDatabase } from "../with-database.ts";
import { type BackupOptions, backupFolder } from "./backup.ts";
import { restoreLive } from "./restore-live.ts";

export interface RestoreOptions extends BackupOptions {
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
    : restoreInto(id, { ...options, toDb }, terminal);
}

/** Beside the live database, which is not touched. */
function restoreInto(
  id: string,
  options: RestoreOptions & { readonly toDb: string },
  terminal: Terminal,
): Promise<number> {
  return withDatabase(
    { ...options, work: "restore", target: options.toDb },
    async ({ client, withMember, controlDatabaseName: fleet }) => {
      const directory = backupFolder(options.directory, id);
      const manifest = (await isStockDump(directory))
        ? await readStockDump(directory, (text) => {
            terminal.out(
              options.json ? JSON.stringify({ type: "notice", text }) : `notice: ${text}`,
            );
          })
        : await verifyDump(directory, interruptible(terminal));
      const timeSeries = manifest.collections.filter(({ type }) => type === "timeseries");
      await requireRights(client, "restore", {
        ...{ databaseName: options.toDb, controlDatabaseName: fleet },
        timeSeries: timeSeries.map(({ name }) => name),
      });
      const totalBytes = manifest.collections.reduce((sum, { bytes }) => sum + bytes, 0);
      const onBytes = createProgress(totalBytes, options, terminal);
      const plan = await restoreBeside({
        ...{ client, withMember, fleet, databaseName: options.toDb, directory, manifest },
        dryRun: options.dryRun === true,
        ...{ onBytes, signal: terminal.signal, faultPoints: noFaults, log: silentLog },
        clock: systemClock,
      });
      const what = `${plan.collections} collections, ${plan.documents} documents, ${bytesText(plan.bytes)}`;
      terminal.out(
        options.json
          ? JSON.stringify({
              type: options.dryRun ? "plan" : "restored",
              to: options.toDb,
              ...plan,
            })
          : options.dryRun
            ? `would restore ${what} into "${options.toDb}"; nothing was written`
            : `restored into "${options.toDb}" and proven: ${what}`,
      );
      return exitCodes.done;
    },
    options.dryRun === true,
  );
}
