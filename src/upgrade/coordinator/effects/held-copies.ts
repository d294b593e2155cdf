import type { BackupPoint, RestoreOf } from "../../../../machines/vocabulary.ts";
import type { Manifest } from "../../../database/backup/manifest.ts";
import type { MeasuredStep } from "../../../database/migration/run-steps.ts";
import { LockstepError } from "../../../errors.ts";
import type { AgentWorld } from "../../agent-world.ts";
import type { HeldCopy } from "../../database/upgrade-database.ts";

/**
 * The copy of an upgrade that this host holds, proven to be the one of the time T.
 * @throws LockstepError `backup-mismatch`
 */
export async function copyOf(
  { database }: AgentWorld,
  upgradeId: string,
  point: BackupPoint,
): Promise<HeldCopy> {
  const copy = await database.verifyCopy(upgradeId);
  const { time } = copy.manifest;
  if (time === point.time) return copy;
  throw new LockstepError(
    "backup-mismatch",
    `expected a copy of ${upgradeId} at ${point.time} on this host, found one at ${time}: put one there that another state server holds`,
  );
}

/**
 * The backup that is to be restored by hand, as this host holds it.
 * @throws LockstepError `backup-mismatch`
 */
export async function heldBackup(
  { database }: AgentWorld,
  { backupId, digest }: RestoreOf,
): Promise<HeldCopy> {
  const copy = await database.verifyCopy(backupId);
  const { digest: found } = copy.manifest;
  if (found === digest) return copy;
  throw new LockstepError(
    "backup-mismatch",
    `expected the backup ${backupId} with digest ${digest} on this host, found one with ${found}: put one here that another state server holds`,
    { expected: digest, got: found },
  );
}

/** The figures of one load of a backup. Pure. */
export function loadFigures({ backupId, collections }: Manifest, durationMs: number): MeasuredStep {
  return {
    step: `restore of ${backupId}`,
    durationMs: Math.round(durationMs),
    documents: collections.reduce((sum, { documents }) => sum + documents, 0),
    batches: 0,
    operations: [],
  };
}
