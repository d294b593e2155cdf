import type { WorkParams } from "../../../../../machines/effect-params.ts";
import type { UpgradeInput } from "../../../../../machines/upgrade-context.ts";
import { isSilent, readAgents } from "../../../../control/agents.ts";
import { coordinatorId } from "../../../../control/ids.ts";
import type { StepsRun } from "../../../../database/migration/runner.ts";
import type { EffectContext } from "../../../../fleet-engine/engine.ts";
import { limits } from "../../../../limits.ts";
import type { AgentWorld } from "../../../agent-world.ts";
import { contextOf } from "../../../fleet-journal.ts";
import { planOf } from "../../../protocol/steps.ts";
import { actingOf } from "../acting.ts";

/** The input with which an upgrade was accepted; undefined where its journal is gone. */
export async function acceptedInput(
  { store }: AgentWorld,
  upgradeId: string,
): Promise<UpgradeInput | undefined> {
  const tail = await store.tail(coordinatorId(upgradeId));
  return tail && contextOf<UpgradeInput>(tail);
}

/** A process is dead once another one of its agent has registered, or it has been silent for too long. */
function deathProbe(world: AgentWorld, signal: AbortSignal): (holder: string) => Promise<boolean> {
  return async (holder) => {
    const [agent, incarnation] = holder.split(":");
    for (let look = 1; ; look += 1) {
      const [agents, nowMs] = [await readAgents(world.store), await world.store.now()];
      const record = agents.find((candidate) => candidate.agent === agent);
      if (record === undefined || String(record.incarnation) !== incarnation) return true;
      if (!isSilent(record, nowMs)) return false;
      // After an outage every agent looks silent: one that lives is heard within this time.
      if (look > 1 || world.failureDetector.canJudgeSilence(nowMs)) return true;
      await world.clock.sleep(limits.heartbeatStaleMs, signal);
      signal.throwIfAborted();
    }
  };
}

/** A run of this upgrade's schema steps by this process. */
export async function stepsRun(
  world: AgentWorld,
  { upgradeId, from, to }: Pick<WorkParams, "upgradeId" | "from" | "to">,
  context: EffectContext,
): Promise<StepsRun> {
  const { mastership, signal } = actingOf(world, context);
  const accepted = await acceptedInput(world, upgradeId);
  return {
    ...{ upgradeId, mastership, signal, clock: world.clock, log: world.log },
    steps: planOf(world.steps, from, to).schema,
    now: new Date(accepted?.acceptedAt ?? 0),
    holder: `${world.agent}:${world.incarnation}`,
    isDead: deathProbe(world, signal),
    onStep: (figures) => world.spans?.stepEnded(upgradeId, figures),
  };
}
