import type { RestoreOf } from "../../../machines/vocabulary.ts";
import { backupDirectory } from "../../control/names.ts";
import type { Manifest } from "../../database/backup/manifest.ts";
import { verifyDump } from "../../database/backup/verify-dump.ts";
import type { StepFigures, StepsResult } from "../../database/migration/schema-steps.ts";
import { restoreOver } from "../../database/restore/restore-over.ts";
import { LockstepError } from "../../errors.ts";
import type { Mastership } from "../../leadership/mastership.ts";
import { limits } from "../../limits.ts";
import type { DatabaseWorld } from "../world.ts";

/**
 * Who holds no copy is to act on one only while all who do are silent: it gives them time to come back,
 * or itself to give the mastership up, before it looks whether somebody has put one here.
 */
export async function untilHoldersHadTime(
  world: DatabaseWorld,
  params: Readonly<Record<string, unknown>>,
  signal: AbortSignal,
): Promise<void> {
  if ((params["holders"] as readonly string[]).includes(world.agent)) return;
  await world.clock.sleep(2 * limits.heartbeatStaleMs, signal);
  signal.throwIfAborted();
}

/**
 * The backup that is to be restored, as this host holds it.
 * @throws LockstepError `backup-mismatch`
 */
export async function heldBackup(
  world: DatabaseWorld,
  { backupId, digest }: RestoreOf,
): Promise<Manifest> {
  const directory = backupDirectory(world.dataDirectory, backupId);
  const manifest = await verifyDump(directory);
  if (manifest.digest === digest) return manifest;
  throw new LockstepError(
    "backup-mismatch",
    `expected the backup ${backupId} with digest ${digest} in ${directory}, found one with ${manifest.digest}`,
    { expected: digest, got: manifest.digest },
  );
}

/** How long it took to load a backup once. Pure. */
export function restoreFigures(manifest: Manifest, durationMs: number): StepFigures {
  return {
    step: `restore of ${manifest.backupId}`,
    durationMs: Math.round(durationMs),
    documents: manifest.collections.reduce((sum, { documents }) => sum + documents, 0),
    batches: 0,
    operations: [],
  };
}

/** Puts the backup in place of the live data: what a restore by hand has in place of schema steps. */
export async function restoreByHand(
  world: DatabaseWorld,
  restoreOf: RestoreOf,
  run: { upgrade: string; mastership: Mastership; signal: AbortSignal },
): Promise<StepsResult> {
  const manifest = await heldBackup(world, restoreOf);
  await restoreOver({
    ...run,
    client: world.client,
    databaseName: world.databaseName,
    control: { client: world.client, databaseName: world.controlDatabaseName },
    directory: backupDirectory(world.dataDirectory, restoreOf.backupId),
    manifest,
    faultPoints: world.faultPoints,
    clock: world.clock,
    log: world.log,
  });
  return { kind: "done", batches: 0, documents: 0, figures: [] };
}
