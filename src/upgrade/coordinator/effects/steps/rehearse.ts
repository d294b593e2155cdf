import type { WorkParams } from "../../../../../machines/effect-params.ts";
import type { UpgradeContext } from "../../../../../machines/upgrade-context.ts";
import { coordinatorId } from "../../../../control/ids.ts";
import { keepCatalogue } from "../../../../control/kept-catalogues.ts";
import { type Rehearsed, rehearseSteps } from "../../../../database/rehearsal/rehearse-steps.ts";
import { assert, messageOf } from "../../../../errors.ts";
import type { EffectContext } from "../../../../fleet-engine/engine.ts";
import { limits } from "../../../../limits.ts";
import type { AgentWorld } from "../../../agent-world.ts";
import type { HeldCopy, ScratchDatabase } from "../../../database/upgrade-database.ts";
import { contextOf } from "../../../fleet-journal.ts";
import { copiesMade } from "../../../protocol/copies/copies-made.ts";
import { actingOf, attempt, untilHoldersHadTime } from "../acting.ts";
import type { CoordinatorEffects } from "../coordinator-effects.ts";
import { copyOf, heldBackup, loadFigures } from "../held-copies.ts";
import { watchingMembers } from "../watching-members.ts";
import { acceptedInput, stepsRun } from "./step-runs.ts";

/** The copy that is rehearsed on: the upgrade's own, or the backup that is restored by hand. */
async function copyToRehearse(world: AgentWorld, params: WorkParams): Promise<HeldCopy> {
  if (params.restoreOf) return heldBackup(world, params.restoreOf);
  assert(params.backup, "a rehearsal comes after the time T");
  return copyOf(world, params.upgradeId, params.backup);
}

/** Lets the members drop history. The copies are made, and the history of later rewrites would fill the disks. */
async function releaseHistory(world: AgentWorld, { epoch }: EffectContext): Promise<void> {
  const isMaster = async () => world.mastership(epoch) !== undefined;
  await world.database.releaseHistory(isMaster).catch((error: unknown) => {
    world.log.warn({ error: messageOf(error) }, "history is released when the upgrade ends");
  });
}

/** Warns that fewer hosts hold a copy for the way back than the operator may believe. */
async function warnOfMissingCopies({ store, log }: AgentWorld, upgradeId: string): Promise<void> {
  const tail = await store.tail(coordinatorId(upgradeId));
  const copies = tail && copiesMade(contextOf<UpgradeContext>(tail));
  if (!copies || copies.missing.length === 0) return;
  log.warn({ upgradeId, copies }, "some state servers hold no copy");
}

/** Runs the steps on a copy that was taken with all gates shut: what they do not reach needs no load. */
async function runOnCopy(
  world: AgentWorld,
  params: WorkParams,
  context: EffectContext,
  copy: HeldCopy,
  scratch: ScratchDatabase,
): Promise<Rehearsed> {
  const deadlines = (await acceptedInput(world, params.upgradeId))?.deadlines;
  const noProgressMs = deadlines?.noProgressMs ?? limits.noProgressDeadlineMs;
  return watchingMembers(world, context, async (signal) => {
    const partly = await scratch.loadPartly(copy, signal);
    try {
      const run = await stepsRun(world, params, { ...context, signal });
      return await rehearseSteps(scratch, run, noProgressMs, partly);
    } finally {
      await partly.close();
    }
  });
}

/** Proves a backup that is restored by hand: all of it is loaded, and stays as it is, since there are no steps. */
async function asLoaded(
  world: AgentWorld,
  context: EffectContext,
  copy: HeldCopy,
  scratch: ScratchDatabase,
): Promise<Rehearsed> {
  const startMs = world.clock.monotonicMs();
  await watchingMembers(world, context, (signal) => scratch.load(copy, signal));
  const loaded = loadFigures(copy.manifest, world.clock.monotonicMs() - startMs);
  const result = { kind: "done", batches: 0, documents: 0, figures: [loaded] } as const;
  return { result, catalogue: await scratch.catalogue(), growthBytes: 0 };
}

/** Loads the copy, runs the steps on it, and stores the definitions that the live database must end with. */
export function rehearse(world: AgentWorld): CoordinatorEffects["rehearse"] {
  const { database, store } = world;
  const onCopy = async (
    params: WorkParams,
    context: EffectContext,
    copy: HeldCopy,
    scratch: ScratchDatabase,
  ) => {
    const { result, catalogue, growthBytes } = params.restoreOf
      ? await asLoaded(world, context, copy, scratch)
      : await runOnCopy(world, params, context, copy, scratch);
    if (result.kind === "failed") {
      return { type: "rehearsalFailed", reason: result.reason } as const;
    }
    const { fence } = actingOf(world, context).mastership;
    const expected = await keepCatalogue({ store, fence }, params.upgradeId, catalogue);
    return {
      ...({ type: "rehearsalPassed", expected, growthBytes } as const),
      figures: result.figures,
    };
  };
  return (params, context) =>
    attempt("rehearsalFailed", context, async () => {
      const acting = actingOf(world, context);
      await releaseHistory(world, context);
      await warnOfMissingCopies(world, params.upgradeId);
      await untilHoldersHadTime(world, params, context.signal);
      const copy = await copyToRehearse(world, params);
      await database.requireServerOf(copy);
      return database.withScratch(acting, `the rehearsal of ${params.upgradeId}`, (scratch) =>
        onCopy(params, context, copy, scratch),
      );
    });
}
