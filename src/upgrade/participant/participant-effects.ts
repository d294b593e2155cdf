import type { ParticipantParams } from "../../../machines/effect-params.ts";
import type { AgentEvent } from "../../../machines/participant-context.ts";
import type { UpgradeContext } from "../../../machines/upgrade-context.ts";
import type { Deadlines, Reason } from "../../../machines/vocabulary.ts";
import { coordinatorId } from "../../control/ids.ts";
import { notInstalled } from "../../control/versions.ts";
import { LockstepError, messageOf } from "../../errors.ts";
import { effectFailed } from "../../fleet-engine/effects/effect-failed.ts";
import type { EffectContext } from "../../fleet-engine/engine.ts";
import { collections, type Entry } from "../../journal/store.ts";
import { exitForVersionChange } from "../../launcher/agent-side.ts";
import { limits } from "../../limits.ts";
import { untilAborted } from "../../ports/waiting/until-aborted.ts";
import type { AgentWorld } from "../agent-world.ts";
import { contextOf, isFinal } from "../fleet-journal.ts";
import { isRequired } from "../protocol/master-eligibility.ts";
import { otherStepsHere } from "../protocol/other-steps.ts";
import { dumpCopy } from "./dump-copy.ts";
import { runLocalSteps, undoLocalSteps } from "./local/local-steps.ts";
import { localWork } from "./local/local-work.ts";
import { checkReadiness } from "./readiness.ts";
import { sweepCopies } from "./sweep-copies.ts";

/** Waits, where this agent is master, until it has restored the data: another master would begin the restore again. */
async function untilRestored(
  world: AgentWorld,
  upgradeId: string,
  signal: AbortSignal,
): Promise<void> {
  while (world.isMaster() && !signal.aborted) {
    const tail = await world.store.tail(coordinatorId(upgradeId));
    if (tail?.state !== "rolling-back") return;
    if (contextOf<{ restored: boolean }>(tail).restored) return;
    await world.clock.sleep(limits.masterPollMs, signal);
  }
}

/** The effects of `machines/participant.ts`: each answers with the event that reports it. */
export type ParticipantEffects = {
  readonly [Name in keyof ParticipantParams]: (
    params: ParticipantParams[Name],
    context: EffectContext,
  ) => Promise<
    AgentEvent | { readonly type: "versionKept" | "versionReached" | "versionUnreachable" }
  >;
};

/** Writes the end of an upgrade down on this host: its launcher starts that version, and the agent owes no undo any more. */
function versionKept(world: AgentWorld): ParticipantEffects["keepVersion"] {
  return async ({ version, upgradeId }) => {
    try {
      await world.writeDefaultVersion(version);
      // An earlier upgrade may have left another wanted version, which the launcher would start after a hanging drain.
      await world.writeWantedVersion(version);
      await world.localJournal.forget(upgradeId);
      world.cannotEnd(null);
    } catch (error) {
      world.cannotEnd(`the end of ${upgradeId} cannot be written down: ${messageOf(error)}`);
      throw error;
    }
    await sweepCopies(world, upgradeId).catch((error: unknown) => {
      // Old copies only take room. They must not keep an agent from noting that it owes no undo any more.
      world.log.warn({ error: messageOf(error) }, "old backups could not be deleted");
    });
    const refused = await world.store.write([
      {
        collection: collections.agents,
        id: world.agent,
        expect: { incarnation: world.incarnation },
        set: { owes: null },
      },
    ]);
    if (refused !== null) {
      throw new LockstepError("fenced", "a newer process of this agent has registered");
    }
    return { type: "versionKept" };
  };
}

/** The effects of a participant, in one process of one agent. */
export function participantEffects(world: AgentWorld): ParticipantEffects {
  return {
    async shutGate() {
      await world.gate.shut();
      return { type: "gateShut" };
    },

    async changeVersion({ version }, context) {
      if (version === world.version) return { type: "versionReached" };
      if (!world.startable.includes(version)) {
        const reason = {
          code: "cannot-start",
          message: notInstalled(version, world.startable),
          details: { version },
        };
        return effectFailed("changeVersion", reason);
      }
      const [actor = "", revision = "0"] = splitEffectId(context.id);
      // An earlier process asked for this version. This process is the result, and its `started` event names its version.
      if (Number(revision) < world.takenOverAt(actor)) return { type: "versionUnreachable" };
      await untilRestored(world, actor.split("/").at(-1) ?? "", context.signal);
      context.signal.throwIfAborted();
      await world.writeWantedVersion(version);
      world.leave(exitForVersionChange);
      return untilAborted(context.signal);
    },

    dumpCopy: dumpCopy(world),

    async runLocalSteps(params, context) {
      const { to } = params;
      if (world.version !== to) {
        return { type: "localStepFailed", reason: otherVersion(world, to) };
      }
      const limitOf = ({ peersMs }: Deadlines) => peersMs;
      return localWork(world, limitOf, params, context, async (run, coordinator) => {
        const reason = otherThanAgreed(world, coordinator);
        return reason === null ? runLocalSteps(run) : { type: "localStepFailed", reason };
      });
    },

    checkReadiness: readinessChecked(world),

    async undoLocalSteps(params, context) {
      const limitOf = ({ rollingBackMs }: Deadlines) => rollingBackMs;
      return localWork(world, limitOf, params, context, (run) =>
        undoLocalSteps(run, world.version),
      );
    },

    keepVersion: versionKept(world),
  };
}

/** The refusal of another build, to which the launcher may have fallen back, to do the work of the new version. */
function otherVersion({ version }: AgentWorld, to: string): Reason {
  return {
    code: "cannot-start",
    message: `expected to run ${to}, this process is ${version}: see why ${to} does not come up on this host`,
    details: { version: to },
  };
}

/** The readiness check within its own limit. An application without one is ready. */
function readinessChecked(world: AgentWorld): ParticipantEffects["checkReadiness"] {
  const { readiness, readinessTimeoutMs } = world;
  return async (params, context) => {
    if (world.version !== params.to) {
      return { type: "readinessFailed", reason: otherVersion(world, params.to) };
    }
    if (readiness === null) return { type: "readinessPassed" };
    return localWork(
      world,
      () => readinessTimeoutMs,
      params,
      context,
      (run) => checkReadiness(run, readiness),
    );
  };
}

/**
 * Why this build has other steps than those agreed on, or null. An agent that was not asked whether it is ready, or that
 * comes after the commit, may run the steps that it has.
 */
function otherThanAgreed(world: AgentWorld, coordinator: Entry | undefined): Reason | null {
  if (!coordinator || isFinal(coordinator)) return null;
  const known = contextOf<UpgradeContext>(coordinator);
  return isRequired(known, world.agent) ? otherStepsHere(known, world, coordinator.protocol) : null;
}

/** `<actor>/<revision>/<index>` → [actor, revision]. */
function splitEffectId(id: string): readonly [string, string] {
  const parts = id.split("/");
  return [parts.slice(0, -2).join("/"), parts.at(-2) ?? "0"];
}
