import type { BackupPoint } from "../../../../machines/vocabulary.ts";
import { keepCatalogue } from "../../../control/kept-catalogues.ts";
import { refuseUnsupported } from "../../../database/backup/supported.ts";
import { historySecondsNeeded } from "../../../database/history/history.ts";
import { LockstepError } from "../../../errors.ts";
import { limits } from "../../../limits.ts";
import { digestOf } from "../../../mongo/catalogue/digest.ts";
import type { AgentWorld } from "../../agent-world.ts";
import type { Acting } from "../../database/upgrade-database.ts";
import type { Catalogued } from "../../protocol/copies/backup-point.ts";
import { isSameData } from "../../protocol/data-decisions.ts";
import { actingOf, foreignWritesSince } from "./acting.ts";
import type { CoordinatorEffects } from "./coordinator-effects.ts";
import { lookForEarlyWrites } from "./early-writes.ts";
import { acceptedInput } from "./steps/step-runs.ts";

/** Reads definitions and hashes of the live database, and refuses what no copy can hold. */
export async function readLive({ database: { live } }: AgentWorld): Promise<Catalogued> {
  const catalogue = await live.catalogue();
  refuseUnsupported(catalogue);
  return { catalogue, digest: await live.digests() };
}

/** A time T, and the database at it. */
interface Chosen extends Pick<BackupPoint, "time" | "digest"> {
  readonly catalogued: Catalogued;
}

/**
 * Chooses a time T at which nobody writes.
 * @throws LockstepError `backup-failed`, `database-not-supported`
 */
async function chooseQuietTime(world: AgentWorld, acting: Acting): Promise<Chosen> {
  let named: string | null = null;
  for (let tries = 0; tries < limits.backupTimeTriesMax; tries += 1) {
    const before = await readLive(world);
    const time = await world.database.chooseTime();
    const after = await readLive(world);
    if (isSameData(before, after)) {
      return { time, digest: digestOf(after.digest), catalogued: after };
    }
    const { message, writes } = await foreignWritesSince(world, acting, { time });
    named = message ?? named;
    world.log.warn(
      { writes },
      "a program outside the fleet writes to the database: another time is tried",
    );
  }
  throw new LockstepError(
    "backup-failed",
    `expected nobody to write while all gates are shut, but the data changed: ${named ?? "stop writers outside the fleet, then upgrade again"}`,
  );
}

/** Makes the live data rest, chooses the time T, and stores what the database holds at it. */
export function chooseBackupTime(world: AgentWorld): CoordinatorEffects["chooseBackupTime"] {
  const { database, foreignWrites } = world;
  return async ({ upgradeId }, context) => {
    const acting = actingOf(world, context);
    await database.pauseDeletions(acting);
    const { dataSizeBytes } = await database.live.size();
    const deadlineMs = (await acceptedInput(world, upgradeId))?.deadlines.backingUpMs;
    const capSeconds = deadlineMs === undefined ? undefined : deadlineMs / 1_000;
    await database.holdHistory(acting, historySecondsNeeded(dataSizeBytes, capSeconds));
    if (foreignWrites === "prevented") await database.blockWrites(acting);
    await database.endEarlierOperations();
    const quiet = chooseQuietTime(world, acting);
    const readLive = async () => (await quiet).catalogued.catalogue;
    const [{ catalogued, ...chosen }, earlyWrites] = await Promise.all([
      quiet,
      lookForEarlyWrites(world, acting, upgradeId, readLive),
    ]);
    const { fence } = actingOf(world, context).mastership;
    const catalogue = await keepCatalogue({ store: world.store, fence }, upgradeId, catalogued);
    const backup = { ...chosen, foreignWrites, catalogue };
    return { type: "backupTimeChosen", backup, earlyWrites };
  };
}
