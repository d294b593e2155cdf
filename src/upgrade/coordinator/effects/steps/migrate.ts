import type { WorkParams } from "../../../../../machines/effect-params.ts";
import type { UpgradeContext } from "../../../../../machines/upgrade-context.ts";
import type { BackupPoint } from "../../../../../machines/vocabulary.ts";
import type { StepsResult } from "../../../../database/migration/run-steps.ts";
import { assert } from "../../../../errors.ts";
import type { EffectContext } from "../../../../fleet-engine/engine.ts";
import { spaceNeeded } from "../../../../mongo/requirements/space.ts";
import type { AgentWorld } from "../../../agent-world.ts";
import type { Acting } from "../../../database/upgrade-database.ts";
import { contextOf } from "../../../fleet-journal.ts";
import { cataloguedAt } from "../../../protocol/copies/backup-point.ts";
import { judgeLiveData, withWrites } from "../../../protocol/data-decisions.ts";
import { actingOf, attempt, foreignWritesSince, hasBegun, untilHoldersHadTime } from "../acting.ts";
import { readLive } from "../choose-backup-time.ts";
import type { CoordinatorEffects } from "../coordinator-effects.ts";
import { heldBackup } from "../held-copies.ts";
import { watchingMembers } from "../watching-members.ts";
import { stepsRun } from "./step-runs.ts";

/** The work of a restore by hand, which has no schema steps. */
async function restoreBackup(
  world: AgentWorld,
  params: WorkParams,
  context: EffectContext,
): Promise<StepsResult> {
  assert(params.restoreOf, "a restore by hand names its backup");
  const copy = await heldBackup(world, params.restoreOf);
  await world.database.restoreOver(actingOf(world, context), params.upgradeId, copy);
  return { kind: "done", batches: 0, documents: 0, figures: [] };
}

const paused = { type: "migrationPaused" } as const;

/** Runs the schema steps on the live data, or goes on where a predecessor stopped. */
export function migrate(world: AgentWorld): CoordinatorEffects["migrate"] {
  const { database, store, log } = world;
  /** Checks before the first batch that the live data is that of T, and that there is room. A successor does not check again. */
  const judgeBeginning = async (
    { upgradeId, growthBytes }: WorkParams,
    point: BackupPoint,
    acting: Acting,
  ) => {
    const live = await readLive(world);
    const differs = judgeLiveData(point, await cataloguedAt(store, upgradeId, point), live);
    if (differs !== null) {
      const reason = withWrites(differs.reason, await foreignWritesSince(world, acting, point));
      log.warn({ reason }, "the live data was written from outside before the first batch");
      return { ...differs, reason };
    }
    // The rehearsal may have needed more room than the estimate before the upgrade. (The member that has just died
    // would cost a successor a time-out here.)
    const { restoreBytes } = spaceNeeded(await database.live.size());
    await database.requireRoom((growthBytes ?? 0) + restoreBytes);
    return null;
  };
  return (params, context) =>
    attempt("migrationFailed", context, async () => {
      const { upgradeId, backup: point, restoreOf } = params;
      assert(point, "a migration comes after the time T");
      const isPauseAsked = () => contextOf<UpgradeContext>(context.latest()).pause !== null;
      if (isPauseAsked()) return paused;
      const differs = (await hasBegun(world, upgradeId))
        ? null
        : await judgeBeginning(params, point, actingOf(world, context));
      if (differs !== null) return differs;
      if (restoreOf) await untilHoldersHadTime(world, params, context.signal);
      const act = async (signal: AbortSignal): Promise<StepsResult> => {
        const watched = { ...context, signal };
        if (restoreOf) return restoreBackup(world, params, watched);
        const run = await stepsRun(world, params, watched);
        return database.live.runSteps({ ...run, isPauseAsked });
      };
      const result = await watchingMembers(world, context, act, {
        alsoLook: () => database.refuseForeignWrites(actingOf(world, context), point.time),
      });
      if (result.kind === "paused") return paused;
      await database.refuseForeignWrites(actingOf(world, context), point.time);
      return result.kind === "failed"
        ? ({ type: "migrationFailed", reason: result.reason } as const)
        : ({ type: "migrationDone" } as const);
    });
}
