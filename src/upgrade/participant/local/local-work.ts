import type { ParticipantParams } from "../../../../machines/effect-params.ts";
import type { AgentEvent } from "../../../../machines/participant-context.ts";
import type { UpgradeContext } from "../../../../machines/upgrade-context.ts";
import type { Deadlines } from "../../../../machines/vocabulary.ts";
import { coordinatorId, isProvision, participantId } from "../../../control/ids.ts";
import { LockstepError } from "../../../errors.ts";
import type { EffectContext } from "../../../fleet-engine/engine.ts";
import type { Entry } from "../../../journal/store.ts";
import { exitForStuckEffect } from "../../../launcher/agent-side.ts";
import { limits } from "../../../limits.ts";
import type { AgentWorld } from "../../agent-world.ts";
import { contextOf } from "../../fleet-journal.ts";
import { deadlinesDefault } from "../../protocol/accept.ts";
import type { LocalRun } from "./local-steps.ts";

/**
 * Does work on this host within a limit, usually a deadline of the upgrade, which begins anew in each process: after the commit no other
 * agent waits for this one. A step that ignores its signal takes its process along.
 */
export async function localWork(
  world: AgentWorld,
  limitOf: (deadlines: Deadlines) => number,
  { upgradeId, from, to }: ParticipantParams["runLocalSteps"],
  context: EffectContext,
  act: (run: LocalRun, coordinator: Entry | undefined) => Promise<AgentEvent>,
): Promise<AgentEvent> {
  const coordinator = await world.store.tail(coordinatorId(upgradeId));
  const known = coordinator && contextOf<UpgradeContext>(coordinator);
  const mine = participantId(world.agent, upgradeId);
  const began = known?.acceptedAt ?? (await world.store.heads(mine))[0]?.at ?? 0;
  // Nobody waits for a host that is brought to the fleet's version.
  const limitMs = isProvision(upgradeId)
    ? limits.provisionTimeoutMs
    : limitOf(known?.deadlines ?? deadlinesDefault);
  const [overtime, ended] = [new AbortController(), new AbortController()];
  const watch = async () => {
    await world.clock.sleep(limitMs, ended.signal);
    if (ended.signal.aborted) return;
    const message = `it was not done in ${limitMs} ms: mend what takes so long on this host`;
    overtime.abort(new LockstepError("timeout", message));
    await world.clock.sleep(limits.effectStopGraceMs, ended.signal);
    if (!ended.signal.aborted) world.leave(exitForStuckEffect);
  };
  void watch();
  try {
    const run: LocalRun = {
      journal: world.localJournal,
      steps: world.steps,
      role: world.role,
      upgradeId,
      effect: context.id,
      isFirstTry: context.attempt === 1,
      from,
      to,
      now: new Date(began),
      dataDirectory: world.dataDirectory,
      signal: context.signal,
      overtime: overtime.signal,
      log: world.log,
    };
    return await act(run, coordinator);
  } finally {
    ended.abort("ended");
  }
}
