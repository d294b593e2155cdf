import { resolve } from "node:path";
import { isUpgradeId } from "../../control/ids.ts";
import type { FleetRequest } from "../../control/inbox.ts";
import { readVersions } from "../../control/versions.ts";
import { createBackup } from "../../database/backup/backup.ts";
import { reportTenths } from "../../database/backup/load-progress.ts";
import type { Manifest } from "../../database/backup/manifest.ts";
import {
  type RestorePlan,
  requireSameServer,
  restoreBeside,
} from "../../database/restore/restore-beside.ts";
import { isStockDump, readStockDump } from "../../database/restore/stock-dump.ts";
import { LockstepError } from "../../errors.ts";
import type { LoadProgress } from "../../journal/fence.ts";
import { controlOf } from "../../leadership/fences.ts";
import { silentLog } from "../../log.ts";
import { filesOf } from "../../mongo/requirements/open-files.ts";
import { requireRights } from "../../mongo/requirements/rights.ts";
import { checkServerVersions } from "../../mongo/requirements/server-versions.ts";
import { databaseSize } from "../../mongo/requirements/space.ts";
import { noFaults } from "../../ports/fault-point.ts";
import { systemRandom } from "../../ports/random.ts";
import { defineSteps, type Step } from "../../upgrade/protocol/steps.ts";
import type { OpenFleet } from "../open-fleet.ts";
import { summaryOf, verifyBackup } from "./backup-files.ts";
import { type Rehearsal, rehearse } from "./rehearse.ts";
import { type HandOptions, workByHand } from "./work-by-hand.ts";

export type { Step } from "../../upgrade/protocol/steps.ts";

interface Reported {
  /** Gets the progress at each tenth of the bytes. */
  readonly onProgress: (progress: LoadProgress) => void;
}

/** Reports the progress of a copy, whose bytes are dumped and then loaded again. */
async function reportCopy(
  { client, databaseName, clock }: OpenFleet,
  { onProgress }: Reported,
): Promise<(bytes: number) => void> {
  const { dataSizeBytes } = await databaseSize(client, databaseName);
  return reportTenths(clock, 2 * dataSizeBytes, onProgress);
}

/**
 * Takes a backup while the fleet runs on, and proves it. An agent deletes old copies that have an upgrade's id, so no
 * backup by hand gets one.
 * @throws LockstepError those of `createBackup` and of `workByHand`
 */
export async function backUp(
  options: HandOptions &
    Reported & { readonly directory: string; readonly id: string; readonly gzip: boolean },
): Promise<Manifest> {
  if (isUpgradeId(options.id)) {
    throw new LockstepError(
      "bad-argument",
      `expected an id that no upgrade can have, got "${options.id}": the agents delete the copies of old upgrades; choose another id`,
    );
  }
  return workByHand(options, { work: "backup" }, async (fleet) => {
    const { client, withMember, databaseName, clock } = fleet;
    return createBackup({
      ...{ client, withMember, databaseName, clock, backupId: options.id, gzip: options.gzip },
      root: resolve(options.directory),
      control: controlOf(fleet),
      version: (await readVersions(fleet.store))?.databaseVersion ?? "",
      purpose: `the proof of backup ${options.id}`,
      onBytes: await reportCopy(fleet, options),
      ...{ signal: options.signal, faultPoints: noFaults, log: silentLog },
    });
  });
}

/**
 * Runs the schema steps of a version on a proven copy while the fleet runs on.
 * @throws LockstepError those of `rehearse` and of `workByHand`
 */
export function rehearseByHand(
  options: HandOptions &
    Reported & {
      readonly directory: string;
      readonly to: string;
      /** Called once the fleet is open, as the module with the steps may connect to it, too. */
      readSteps(): Promise<readonly Step[]>;
    },
): Promise<Rehearsal> {
  return workByHand(options, { work: "rehearsal", needsVersion: true }, async (fleet) =>
    rehearse({
      ...fleet,
      ...{ steps: defineSteps(await options.readSteps()), to: options.to, random: systemRandom },
      root: resolve(options.directory),
      onBytes: await reportCopy(fleet, options),
      ...{ signal: options.signal, faultPoints: noFaults, log: silentLog },
    }),
  );
}

/**
 * Restores a backup or a stock dump into a database beside the live one, which stays untouched.
 * @param options.onNotice gets what was left out, or changed in a stock dump
 * @throws LockstepError those of `restoreBeside` and of `workByHand`
 */
export function restoreInto(
  options: HandOptions &
    Reported & {
      readonly folder: string;
      readonly to: string;
      readonly dryRun: boolean;
    },
): Promise<RestorePlan> {
  const { folder, to, dryRun, signal } = options;
  const intent = { work: "restore", target: to, isReading: dryRun } as const;
  return workByHand(options, intent, async (fleet) => {
    const { client, withMember, controlDatabaseName, clock } = fleet;
    const manifest = (await isStockDump(folder))
      ? await readStockDump(folder, options.onNotice)
      : await verifyBackup(folder, { signal, onNotice: options.onNotice });
    const timeSeries = manifest.collections.filter(({ type }) => type === "timeseries");
    await requireRights(client, "restore", {
      ...{ databaseName: to, controlDatabaseName },
      timeSeries: timeSeries.map(({ name }) => name),
    });
    return restoreBeside({
      ...{ client, withMember, fleet: controlDatabaseName, databaseName: to, manifest, dryRun },
      ...{ directory: folder, signal, faultPoints: noFaults, log: silentLog, clock },
      onBytes: reportTenths(clock, summaryOf(manifest).bytes, options.onProgress),
    });
  });
}

/** @throws LockstepError `bad-argument`, `database-not-supported` */
async function requireOurs(manifest: Manifest, fleet: OpenFleet): Promise<void> {
  const { databaseName, controlDatabaseName, client } = fleet;
  if (manifest.fleet !== controlDatabaseName || manifest.databaseName !== databaseName) {
    throw new LockstepError(
      "bad-argument",
      `expected a backup of "${databaseName}" and its fleet (${controlDatabaseName}), got one of "${manifest.databaseName}" (${manifest.fleet}): restore it beside, with --to-db NAME`,
    );
  }
  if (manifest.version === "") {
    throw new LockstepError(
      "bad-argument",
      "expected a backup that says which version it is of, got one that was taken before any was declared: restore it beside, with --to-db NAME",
    );
  }
  await checkServerVersions({ ...fleet, log: silentLog });
  await requireSameServer(client, manifest.serverVersion);
}

/**
 * Verifies a backup, and that it can replace the live data of the fleet. It writes nothing.
 * @throws LockstepError `backup-mismatch`, `bad-argument`, `database-not-supported`, and those of `workByHand`
 */
export async function checkRestore(
  options: HandOptions & { readonly folder: string },
): Promise<Manifest> {
  const manifest = await verifyBackup(options.folder, options);
  await workByHand(options, { isReading: true }, (fleet) => requireOurs(manifest, fleet));
  return manifest;
}

/** The request to put a fleet back on the backup of an id. Pure. */
export function restoreRequest(backupId: string, manifest: Manifest): FleetRequest {
  const { digest, version } = manifest;
  const { bytes } = summaryOf(manifest);
  const backup = { backupId, digest, version, bytes, files: filesOf(manifest) };
  return { kind: "restore", backup, deadlines: {} };
}
