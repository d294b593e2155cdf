import type { MongoClient } from "mongodb";
import type { UpgradeInput } from "../../../machines/upgrade-context.ts";
import type { BackupPoint } from "../../../machines/vocabulary.ts";
import {
  backupDirectory,
  backupsDirectory,
  coordinatorPrefix,
  isUpgradeId,
} from "../../control/names.ts";
import { dumpDatabase } from "../../database/backup/dump.ts";
import { sweepBackups } from "../../database/backup/retention.ts";
import type { EffectHandler } from "../../engine/engine.ts";
import { isLockstepError, reasonOf } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { readMemberTrouble } from "../../mongo/own-member.ts";
import { cataloguedAt } from "../protocol/backup-point.ts";
import { unreadable } from "../readable.ts";
import { contextOf, isFinal } from "../views.ts";
import type { DatabaseWorld } from "../world.ts";

/** Keeps the last copies, and every one that an upgrade which has not ended may need. */
export async function sweepOldBackups(world: DatabaseWorld, upgrade: string): Promise<void> {
  const tails = await world.store.tails(coordinatorPrefix);
  const needed = tails
    .filter((tail) => !isFinal(tail))
    .flatMap((tail) => {
      // Of one that this build cannot read, the name alone is known.
      if (unreadable(tail)) return [tail.actor.slice(coordinatorPrefix.length)];
      const open = contextOf<UpgradeInput>(tail);
      return [open.upgrade, open.restoreOf?.backupId ?? open.upgrade];
    });
  const swept = await sweepBackups(backupsDirectory(world.dataDirectory), {
    keep: limits.backupsKept,
    referenced: [upgrade, ...needed],
    isOurs: isUpgradeId,
  });
  if (swept.length > 0) world.log.info({ swept }, "old backups deleted");
}

/** The agent's own member, while a copy can be read from it; else whichever member the set has. */
async function whereToRead(world: DatabaseWorld): Promise<MongoClient> {
  const trouble = await readMemberTrouble(world);
  if (trouble === null) return world.memberClient;
  world.log.warn({ member: trouble.words }, "its own member is no use now: the set is read from");
  return world.client;
}

/** The effect by which a state server takes its copy. */
export function dumpCopy(world: DatabaseWorld): EffectHandler {
  return async (params, context) => {
    const upgrade = String(params["upgrade"]);
    const backup = params["backup"] as BackupPoint;
    try {
      const { catalogue, digest } = await cataloguedAt(world.store, upgrade, backup);
      const manifest = await dumpDatabase({
        client: await whereToRead(world),
        withMember: world.withMember,
        databaseName: world.databaseName,
        time: backup.time,
        catalogue,
        digest,
        directory: backupDirectory(world.dataDirectory, upgrade),
        backupId: upgrade,
        fleet: world.controlDatabaseName,
        version: String(params["from"]),
        faultPoints: world.faultPoints,
        signal: context.signal,
        log: world.log,
      });
      return { type: "copyMade", digest: manifest.digest };
    } catch (error) {
      if (!isLockstepError(error) || context.signal.aborted) throw error;
      return { type: "copyFailed", reason: reasonOf(error) };
    }
  };
}
