import type { UpgradeInput } from "../../../machines/upgrade-context.ts";
import type { BackupPoint, RestoreOf } from "../../../machines/vocabulary.ts";
import { isSilent, readAgents } from "../../control/agents.ts";
import {
  keepCatalogue,
  readKeptCatalogue,
  sweepCatalogues,
} from "../../control/kept-catalogues.ts";
import { backupDirectory, coordinatorId, coordinatorPrefix } from "../../control/names.ts";
import { readVersions } from "../../control/versions.ts";
import type { Manifest } from "../../database/backup/manifest.ts";
import {
  historySecondsNeeded,
  holdHistory,
  releaseHistory,
} from "../../database/history/history.ts";
import { endEarlierOperations } from "../../database/isolation/kill-sessions.ts";
import { pauseDeletions, resumeDeletions } from "../../database/isolation/ttl-hold.ts";
import { allowWrites, blockWrites } from "../../database/isolation/write-block.ts";
import type { SchemaRunOptions } from "../../database/migration/runner.ts";
import { runSchemaSteps, type StepsResult } from "../../database/migration/schema-steps.ts";
import { runStepsWithDeadline } from "../../database/migration/steps-with-deadline.ts";
import { loadDatabase } from "../../database/restore/load-database.ts";
import { restoreDatabase } from "../../database/restore/restore.ts";
import { requireSameServer } from "../../database/restore/restore-beside.ts";
import { clearScratch, type ScratchOptions, withScratch } from "../../database/restore/scratch.ts";
import type { EffectContext, EffectHandler } from "../../engine/engine.ts";
import { isLockstepError, isPassing, LockstepError, messageOf, reasonOf } from "../../errors.ts";
import type { Mastership } from "../../leadership/mastership.ts";
import { limits } from "../../limits.ts";
import { type Catalogue, differences, readCatalogue } from "../../mongo/catalogue/catalogue.ts";
import { digestDatabase, digestOf } from "../../mongo/catalogue/digest.ts";
import {
  databaseSize,
  occupied,
  readMemberSpace,
  requireMemberSpace,
  spaceNeeded,
} from "../../mongo/requirements/space.ts";
import { cataloguedAt } from "../protocol/backup-point.ts";
import { planOf } from "../protocol/steps.ts";
import { contextOf } from "../views.ts";
import type { DatabaseWorld } from "../world.ts";
import { chooseBackup, copyOf, hasBegun, readLive, refuseForeign } from "./live-data.ts";
import {
  heldBackup,
  restoreByHand,
  restoreFigures,
  untilHoldersHadTime,
} from "./restore-by-hand.ts";
import { deletionsOf, watchingMembers } from "./watching-members.ts";

const beforeRetry =
  "the backup and the live data are both kept; stop it, save what you need, then `lockstep retry` restores the backup all the same";

function requireMastership(
  world: DatabaseWorld,
  { epoch }: Pick<EffectContext, "epoch">,
): Mastership {
  const mastership = world.mastership(epoch);
  if (!mastership) throw new LockstepError("lease-lost", "this agent is not master any more");
  return mastership;
}

/** Dead means: another process of that agent has registered, or it has been silent for too long. */
function deathProbe(
  world: DatabaseWorld,
  signal: AbortSignal,
): (holder: string) => Promise<boolean> {
  return async (holder) => {
    const [agent, incarnation] = holder.split(":");
    for (let look = 1; ; look += 1) {
      const [agents, nowMs] = [await readAgents(world.store), await world.store.now()];
      const record = agents.find((candidate) => candidate.agent === agent);
      if (record === undefined || String(record.incarnation) !== incarnation) return true;
      if (!isSilent(record, nowMs)) return false;
      // After an outage everybody looks silent: whoever lives is heard within this time.
      if (look > 1 || world.failureDetector.canJudgeSilence(nowMs)) return true;
      await world.clock.sleep(limits.heartbeatStaleMs, signal);
      signal.throwIfAborted();
    }
  };
}

/** The means by which a master claims a scratch database. */
function scratchOptions(
  world: DatabaseWorld,
  control: ScratchOptions["control"],
  { epoch, signal }: Pick<EffectContext, "epoch" | "signal">,
  upgrade: string,
): ScratchOptions {
  const { client, faultPoints, clock, log } = world;
  const mastership = requireMastership(world, { epoch });
  return {
    ...{ client, control, signal, faultPoints, clock, log, purpose: `the rehearsal of ${upgrade}` },
    fenced: { client, control, mastership, signal, faultPoints, clock },
  };
}

/** The effects of `machines/upgrade.ts`, by name. */
export function coordinatorEffects(world: DatabaseWorld): Record<string, EffectHandler> {
  const control = { client: world.client, databaseName: world.controlDatabaseName };
  const deletions = deletionsOf(world);
  /** Stores a value once for an upgrade: the journal refers to it by the digest. */
  const keep = (context: EffectContext, value: unknown): Promise<string> => {
    const { fence } = requireMastership(world, context);
    const upgrade = context.actor.slice(coordinatorPrefix.length);
    return keepCatalogue({ store: world.store, fence }, upgrade, value);
  };
  const history = { ...world, control };

  const runSteps = async (
    params: Readonly<Record<string, unknown>>,
    context: EffectContext,
    target: { databaseName: string; progressField: "progress" | "rehearsal" },
  ) => {
    const [upgrade, from, to] = ["upgrade", "from", "to"].map((name) => String(params[name]));
    const tail = await world.store.tail(coordinatorId(upgrade ?? ""));
    const accepted = tail && contextOf<Pick<UpgradeInput, "acceptedAt" | "deadlines">>(tail);
    const options: SchemaRunOptions = {
      client: world.client,
      databaseName: target.databaseName,
      control,
      mastership: requireMastership(world, context),
      steps: planOf(world.steps, from ?? "", to ?? "").schema,
      upgrade: upgrade ?? "",
      now: new Date(accepted?.acceptedAt ?? 0),
      progressField: target.progressField,
      holder: `${world.agent}:${world.incarnation}`,
      isDead: deathProbe(world, context.signal),
      signal: context.signal,
      faultPoints: world.faultPoints,
      clock: world.clock,
      log: world.log,
    };
    if (target.progressField === "progress") return runSchemaSteps(options);
    const noProgressMs = accepted?.deadlines.noProgressMs ?? limits.noProgressDeadlineMs;
    return runStepsWithDeadline(options, noProgressMs, world.clock);
  };

  /** Seconds after which an upgrade turns back if its copies are not there. */
  const deadlineOf = async (actor: string): Promise<number | undefined> => {
    const tail = await world.store.tail(actor);
    return tail && contextOf<UpgradeInput>(tail).deadlines.backingUpMs / 1000;
  };

  /** Turns expected failures of a forward effect into its typed failure event. */
  const attempt = async (
    type: "rehearsalFailed" | "migrationFailed" | "restoreFailed",
    context: EffectContext,
    act: () => Promise<{ type: string } & Record<string, unknown>>,
  ) => {
    try {
      return await act();
    } catch (error) {
      if (context.signal.aborted || !isLockstepError(error) || isPassing(error)) throw error;
      return { type, reason: reasonOf(error) };
    }
  };

  return {
    async chooseBackupTime(_params, context) {
      const { id, actor, epoch, signal } = context;
      const mastership = requireMastership(world, { epoch });
      const holding = { ...deletions, mastership, signal, clock: world.clock };
      await pauseDeletions(holding, actor);
      const { dataSizeBytes } = await databaseSize(world.client, world.databaseName);
      await holdHistory(holding, id, historySecondsNeeded(dataSizeBytes, await deadlineOf(actor)));
      if (world.foreignWrites === "prevented") await blockWrites(holding, id);
      await endEarlierOperations({
        client: world.client,
        databaseName: world.databaseName,
        clock: world.clock,
        log: world.log,
      });
      const { catalogued, ...chosen } = await chooseBackup(world);
      const { foreignWrites } = world;
      const catalogue = await keep(context, catalogued);
      return { type: "backupTimeChosen", backup: { ...chosen, foreignWrites, catalogue } };
    },

    rehearse: (params, context) =>
      attempt("rehearsalFailed", context, async () => {
        // The copies are made: what is rewritten from here on would fill the members' disks with its history.
        await releaseHistory(
          history,
          async () => world.mastership(context.epoch) !== undefined,
        ).catch((error: unknown) => {
          world.log.warn({ error: messageOf(error) }, "it is given back when the upgrade ends");
        });
        const upgrade = String(params["upgrade"]);
        const point = params["backup"] as BackupPoint;
        const restoreOf = params["restoreOf"] as RestoreOf | null;
        const directory = backupDirectory(world.dataDirectory, restoreOf?.backupId ?? upgrade);
        await untilHoldersHadTime(world, params, context.signal);
        const manifest = restoreOf
          ? await heldBackup(world, restoreOf)
          : await copyOf(point, directory);
        await requireSameServer(world.client, manifest.serverVersion);
        const startMs = world.clock.monotonicMs();
        return withScratch(scratchOptions(world, control, context, upgrade), async (scratch) => {
          await watchingMembers(world, context, (signal) => {
            const target = {
              ...scratch.target,
              signal: AbortSignal.any([signal, scratch.fenced.signal]),
            };
            return loadDatabase({ ...target, log: world.log }, directory, manifest);
          });
          const sizeBefore = await databaseSize(world.client, scratch.name);
          const loaded = restoreFigures(manifest, world.clock.monotonicMs() - startMs);
          const result: StepsResult = restoreOf
            ? { kind: "done", batches: 0, documents: 0, figures: [loaded] }
            : await watchingMembers(world, context, (signal) =>
                runSteps(
                  params,
                  { ...context, signal },
                  { databaseName: scratch.name, progressField: "rehearsal" },
                ),
              );
          const rehearsed = await readCatalogue(world.client, scratch.name);
          const sizeAfter = await databaseSize(world.client, scratch.name);
          if (result.kind === "failed") return { type: "rehearsalFailed", reason: result.reason };
          const expected = await keep(context, rehearsed);
          const growthBytes = Math.max(0, occupied(sizeAfter) - occupied(sizeBefore));
          return { type: "rehearsalPassed", expected, figures: result.figures, growthBytes };
        });
      }),

    migrate: (params, context) =>
      attempt("migrationFailed", context, async () => {
        const upgrade = String(params["upgrade"]);
        const point = params["backup"] as BackupPoint;
        if (!(await hasBegun(world, upgrade))) {
          const live = await readLive(world);
          const got = digestOf(live.digest);
          const { catalogue: known } = await cataloguedAt(world.store, upgrade, point);
          const changed = differences(known, live.catalogue, { ignoreUuid: false });
          if (got !== point.digest || changed.length > 0) {
            const reason = {
              code: "foreign-writes",
              message: `the live data is not what was backed up (${changed.join("; ") || "documents differ"}): somebody outside the fleet wrote; stop it, then upgrade again`,
              details: { expected: point.digest, got, changed },
            };
            world.log.warn({ reason }, "somebody outside the fleet wrote before the first batch");
            return { type: "liveDataDiffers", reason };
          }
          // What the rehearsal needed more than the estimate of before the upgrade. A successor does not
          // ask again: the member that has just died would cost it a time-out.
          const size = await databaseSize(world.client, world.databaseName);
          const neededBytes = Number(params["growthBytes"] ?? 0) + spaceNeeded(size).restoreBytes;
          requireMemberSpace(await readMemberSpace(world), neededBytes);
        }
        const restoreOf = params["restoreOf"] as RestoreOf | null;
        if (restoreOf) await untilHoldersHadTime(world, params, context.signal);
        const act = (signal: AbortSignal): Promise<StepsResult> =>
          restoreOf
            ? restoreByHand(world, restoreOf, {
                upgrade,
                mastership: requireMastership(world, context),
                signal,
              })
            : runSteps(
                params,
                { ...context, signal },
                { databaseName: world.databaseName, progressField: "progress" },
              );
        const result = await watchingMembers(world, context, act, {
          alsoLook: () => refuseForeign(world, point, context.signal),
        });
        await refuseForeign(world, point, context.signal);
        return result.kind === "failed"
          ? { type: "migrationFailed", reason: result.reason }
          : { type: "migrationDone" };
      }),

    async verifyCatalogue(params, context) {
      const upgrade = String(params["upgrade"]);
      const expected = params["expected"] as string | null;
      const point = params["backup"] as BackupPoint | null;
      if (expected !== null && point !== null) {
        await refuseForeign(world, point, context.signal);
        const rehearsed = await readKeptCatalogue(world.store, upgrade, expected);
        const live = await readCatalogue(world.client, world.databaseName);
        const found = differences(rehearsed as Catalogue, live, { ignoreUuid: true });
        if (found.length > 0) {
          throw new LockstepError(
            "schema-conflict",
            `the live catalogue differs from the rehearsed one: ${found.join("; ")}`,
            { differences: found },
          );
        }
      }
      return { type: "catalogueVerified" };
    },

    restore: (params, context) =>
      attempt("restoreFailed", context, async () => {
        const upgrade = String(params["upgrade"]);
        const point = params["backup"] as BackupPoint | null;
        const mastership = requireMastership(world, context);
        await clearScratch(scratchOptions(world, control, context, upgrade));
        if (point === null) return { type: "dataRestored", digest: null };
        // Where no step has begun, what differs is somebody else's: it is not ours to take back.
        if (params["touched"] !== true || !(await hasBegun(world, upgrade))) {
          const live = digestOf(await digestDatabase(world.client, world.databaseName));
          if (live !== point.digest) {
            world.log.warn({ upgrade }, "somebody outside the fleet wrote; its writes are kept");
          }
          return { type: "dataRestored", digest: live };
        }
        const holds = (params["holders"] as string[]).includes(world.agent);
        await untilHoldersHadTime(world, params, context.signal);
        // A restore would take back what is not ours: an operator has to say so.
        if (params["acceptForeignWrites"] !== true) {
          await refuseForeign(world, point, context.signal, beforeRetry);
        }
        const directory = backupDirectory(world.dataDirectory, upgrade);
        let manifest: Manifest;
        try {
          manifest = await copyOf(point, directory);
        } catch (error) {
          if (!holds || !isLockstepError(error, "backup-mismatch")) throw error;
          // The same path on each host: who it is has to be told.
          const { code, message, details } = reasonOf(error);
          const reason = { code, message, details: { ...details, agent: world.agent } };
          return { type: "copyLost", agent: world.agent, reason };
        }
        const { catalogue, digest } = await cataloguedAt(world.store, upgrade, point);
        // Room for it was kept; a member that has less than its reserve all the same would soon be none.
        const keep = { neededBytes: 0 };
        const act = (signal: AbortSignal) =>
          restoreDatabase({
            client: world.client,
            databaseName: world.databaseName,
            control,
            mastership,
            directory,
            manifest,
            catalogue,
            digest,
            signal,
            faultPoints: world.faultPoints,
            clock: world.clock,
            log: world.log,
          });
        const restored = await watchingMembers(world, context, act, keep);
        return { type: "dataRestored", digest: restored.digest };
      }),

    async liftHolds() {
      // What is held by the next upgrade is in its record: its end lifts all of it.
      const isFree = async () => !(await readVersions(world.store))?.upgrade;
      if (!(await isFree())) return { type: "holdsLifted" };
      await allowWrites({ ...world, control }, isFree);
      // One member that is away keeps neither of them from the others.
      const lifted = await Promise.allSettled([
        resumeDeletions(deletions, isFree),
        releaseHistory(history, isFree),
      ]);
      for (const one of lifted) if (one.status === "rejected") throw one.reason;
      await sweepCatalogues(world.store);
      return { type: "holdsLifted" };
    },
  };
}
