import type { UpgradeContext } from "../../../machines/upgrade-context.ts";
import type { Reason } from "../../../machines/vocabulary.ts";
import { coordinatorId } from "../../control/names.ts";
import { notInstalled } from "../../control/versions.ts";
import { effectFailed } from "../../engine/effect-failed.ts";
import type { EffectHandler } from "../../engine/engine.ts";
import { LockstepError, messageOf } from "../../errors.ts";
import { collections, type Entry } from "../../journal/store.ts";
import { exitForVersionChange } from "../../launcher/agent-side.ts";
import { limits } from "../../limits.ts";
import type { DatabaseSide } from "../database-side.ts";
import { isRequired } from "../protocol/eligible.ts";
import { otherStepsHere } from "../protocol/other-steps.ts";
import { contextOf, isFinal } from "../views.ts";
import type { World } from "../world.ts";
import { runLocalSteps, undoLocalSteps } from "./local-steps.ts";
import { localWork } from "./local-work.ts";

/** Resolves never; rejects when the signal aborts. */
export function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

/** A master restores before it goes back itself: nobody else need start over. */
async function untilRestored(world: World, upgrade: string, signal: AbortSignal): Promise<void> {
  for (let look = 0; look < limits.looksMax && world.isMaster() && !signal.aborted; look += 1) {
    const tail = await world.store.tail(coordinatorId(upgrade));
    if (tail?.state !== "rolling-back") return;
    if (contextOf<{ restored: boolean }>(tail).restored) return;
    await world.clock.sleep(limits.masterPollMs, signal);
  }
}

/** The effects of `machines/participant.ts`, by name. */
export function participantEffects(
  world: World,
  database: DatabaseSide,
): Record<string, EffectHandler> {
  return {
    async shutGate() {
      await world.gate.shut();
      return { type: "gateShut" };
    },

    async changeVersion(params, context) {
      const version = String(params["version"]);
      if (version === world.version) return { type: "versionReached" };
      if (!world.startable.includes(version)) {
        const reason = {
          code: "cannot-start",
          message: notInstalled(version),
          details: { version },
        };
        return effectFailed("changeVersion", reason);
      }
      const [actor = "", revision = "0"] = splitEffectId(context.id);
      // Asked for by an earlier process: this one is what came of it, and has said so itself.
      if (Number(revision) < world.takenOverAt(actor)) return { type: "versionUnreachable" };
      await untilRestored(world, actor.split("/").at(-1) ?? "", context.signal);
      context.signal.throwIfAborted();
      await world.writeWantedVersion(version);
      world.leave(exitForVersionChange);
      return untilAborted(context.signal);
    },

    dumpCopy: database.dumpCopy(world),

    async runLocalSteps(params, context) {
      const to = String(params["to"]);
      if (world.version !== to) {
        const reason = {
          code: "cannot-start",
          message: `expected to run ${to}, this process is ${world.version}`,
          details: {},
        };
        return { type: "localStepFailed", reason };
      }
      return localWork(world, "peersMs", params, context, async (run, coordinator) => {
        const reason = otherThanAgreed(world, coordinator);
        return reason === null ? runLocalSteps(run) : { type: "localStepFailed", reason };
      });
    },

    async undoLocalSteps(params, context) {
      return localWork(world, "rollingBackMs", params, context, (run) =>
        undoLocalSteps(run, world.version),
      );
    },

    async keepVersion(params) {
      const version = String(params["version"]);
      const upgrade = String(params["upgrade"]);
      try {
        await world.writeDefaultVersion(version);
        await world.localJournal.forget(upgrade);
        world.cannotEnd(null);
      } catch (error) {
        world.cannotEnd(`the end of ${upgrade} cannot be written down: ${messageOf(error)}`);
        throw error;
      }
      await database.sweepBackups(world, upgrade).catch((error: unknown) => {
        // Old copies that stay take room: that must not keep an agent from paying its debt.
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
    },
  };
}

/** Who was not asked whether it is ready, or comes after the commit, brings the steps that it has. */
function otherThanAgreed(world: World, coordinator: Entry | undefined): Reason | null {
  if (!coordinator || isFinal(coordinator)) return null;
  const known = contextOf<UpgradeContext>(coordinator);
  return isRequired(known, world.agent) ? otherStepsHere(known, world, coordinator.protocol) : null;
}

/** `<actor>/<revision>/<index>` → [actor, revision]. */
function splitEffectId(id: string): readonly [string, string] {
  const parts = id.split("/");
  return [parts.slice(0, -2).join("/"), parts.at(-2) ?? "0"];
}
