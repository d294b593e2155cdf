import type { BackupPoint } from "../../../machines/vocabulary.ts";
import { chooseBackupTime } from "../../database/backup/backup-time.ts";
import type { Manifest } from "../../database/backup/manifest.ts";
import { refuseUnsupported } from "../../database/backup/supported.ts";
import { verifyDump } from "../../database/backup/verify-dump.ts";
import { refuseForeignWrites } from "../../database/isolation/foreign-writes.ts";
import { LockstepError } from "../../errors.ts";
import { requireRecord } from "../../journal/control-records.ts";
import { collections, documentIds } from "../../journal/store.ts";
import { limits } from "../../limits.ts";
import { differences, readCatalogue } from "../../mongo/catalogue/catalogue.ts";
import { digestDatabase, digestOf } from "../../mongo/catalogue/digest.ts";
import type { Catalogued } from "../protocol/backup-point.ts";
import type { DatabaseWorld } from "../world.ts";

/** Reads the catalogue and the digest of the live database, refusing what cannot be carried. */
export async function readLive(world: DatabaseWorld): Promise<Catalogued> {
  const catalogue = await readCatalogue(world.client, world.databaseName);
  refuseUnsupported(catalogue);
  return { catalogue, digest: await digestDatabase(world.client, world.databaseName) };
}

/** A time T, and the database at it. */
interface Chosen extends Pick<BackupPoint, "time" | "digest"> {
  readonly catalogued: Catalogued;
}

/**
 * Chooses a time T at which nobody writes.
 * @throws LockstepError `backup-failed`, `database-not-supported`
 */
export async function chooseBackup(world: DatabaseWorld): Promise<Chosen> {
  for (let attempt = 0; attempt < limits.backupTimeTriesMax; attempt += 1) {
    const before = await readLive(world);
    const time = await chooseBackupTime({
      control: { client: world.client, databaseName: world.controlDatabaseName },
      faultPoints: world.faultPoints,
    });
    const after = await readLive(world);
    const same =
      digestOf(before.digest) === digestOf(after.digest) &&
      differences(before.catalogue, after.catalogue, { ignoreUuid: false }).length === 0;
    if (same) return { time, digest: digestOf(after.digest), catalogued: after };
    world.log.warn({}, "somebody else writes to the database: another time is tried");
  }
  throw new LockstepError(
    "backup-failed",
    "expected nobody to write while all gates are shut, but the data changed: stop writers outside the fleet, then upgrade again",
  );
}

/**
 * The copy that this host holds, proven to be the one of the time T.
 * @throws LockstepError `backup-mismatch`
 */
export async function copyOf(point: BackupPoint, directory: string): Promise<Manifest> {
  const manifest = await verifyDump(directory);
  if (manifest.time === point.time) return manifest;
  throw new LockstepError(
    "backup-mismatch",
    `expected a copy at ${point.time} in ${directory}, found one at ${manifest.time}: put one there that another state server holds`,
  );
}

/** A schema step of this upgrade has begun on the live data: it says so in the fence first. */
export async function hasBegun(world: DatabaseWorld, upgrade: string): Promise<boolean> {
  const fence = await world.store.get(collections.fences, documentIds.master);
  // A record that is gone or broken must not be taken for live data that nobody has changed.
  requireRecord(collections.fences, documentIds.master, fence);
  return (fence?.["progress"] as { upgrade?: string } | undefined)?.upgrade === upgrade;
}

/** Nobody but the upgrade has written since the copies were made. */
export function refuseForeign(
  world: DatabaseWorld,
  point: BackupPoint,
  signal: AbortSignal,
  whatNext?: string,
): Promise<void> {
  const control = { client: world.client, databaseName: world.controlDatabaseName };
  return refuseForeignWrites({ ...world, control, time: point.time, signal }, whatNext);
}
