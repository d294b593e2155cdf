import type { BackupPoint, SavedWrites } from "../../../../machines/vocabulary.ts";
import { isLockstepError, reasonOf } from "../../../errors.ts";
import { digestOf } from "../../../mongo/catalogue/digest.ts";
import type { AgentWorld } from "../../agent-world.ts";
import type { Acting, HeldCopy } from "../../database/upgrade-database.ts";
import { cataloguedAt } from "../../protocol/copies/backup-point.ts";
import { wayBack, withoutCopy } from "../../protocol/data-decisions.ts";
import { actingOf, attempt, foreignWritesSince, hasBegun, untilHoldersHadTime } from "./acting.ts";
import type { CoordinatorEffects } from "./coordinator-effects.ts";
import { lookForEarlyWrites } from "./early-writes.ts";
import { copyOf } from "./held-copies.ts";
import { watchingMembers } from "./watching-members.ts";

const beforeRetry =
  "the backup and the live data are both kept: stop what wrote (a client outside the fleet, a local step, or a readiness check, which must not write), then `lockstep retry` saves these documents to a file and restores the backup";

/** Saves the documents that others have written, before the restore takes them back. */
async function saveWritesOfOthers(
  { agent, database, log }: AgentWorld,
  acting: Acting,
  { time }: BackupPoint,
): Promise<SavedWrites | null> {
  const saved = await database.saveForeignWrites(acting, time);
  if (saved.documents + saved.deletions === 0) return null;
  log.warn({ saved }, "writes from outside the fleet are taken back; their documents are saved");
  return { agent, ...saved };
}

/** Takes back what the schema steps have changed, if anything. */
export function restore(world: AgentWorld): CoordinatorEffects["restore"] {
  const { database, store, log } = world;
  return (params, context) =>
    attempt("restoreFailed", context, async () => {
      const { upgradeId, backup: point, holders } = params;
      const acting = actingOf(world, context);
      await database.clearScratch(acting, `the rehearsal of ${upgradeId}`);
      const way = wayBack(params, params.touched && (await hasBegun(world, upgradeId)));
      if (point === null || way === "nothing-was-copied") {
        const earlyWrites = await lookForEarlyWrites(world, acting, upgradeId);
        return { type: "dataRestored", digest: null, earlyWrites } as const;
      }
      if (way === "keep") {
        const digest = digestOf(await database.live.digests());
        if (digest !== point.digest) {
          const { writes } = await foreignWritesSince(world, acting, point);
          log.warn(
            { upgradeId, writes },
            "the live data was written from outside; these writes are kept",
          );
        }
        return { type: "dataRestored", digest } as const;
      }
      await untilHoldersHadTime(world, params, context.signal);
      // A restore would take back writes from outside: an operator has to say so.
      if (!params.acceptForeignWrites) {
        await database.refuseForeignWrites(acting, point.time, beforeRetry);
      }
      let copy: HeldCopy;
      try {
        copy = await copyOf(world, upgradeId, point);
      } catch (error) {
        if (!isLockstepError(error, "backup-mismatch")) throw error;
        return withoutCopy(world.agent, holders, reasonOf(error));
      }
      const saved = params.acceptForeignWrites
        ? await saveWritesOfOthers(world, acting, point)
        : null;
      const wanted = await cataloguedAt(store, upgradeId, point);
      // Room for the restore was kept. The disk of a member with less than its reserve would soon be full.
      const digest = await watchingMembers(
        world,
        context,
        (signal) => database.restore({ ...acting, signal }, copy, wanted),
        { neededBytes: 0 },
      );
      return { type: "dataRestored", digest, ...(saved && { saved }) } as const;
    });
}
