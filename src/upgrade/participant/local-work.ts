import type { AgentEvent } from "../../../machines/participant-context.ts";
import type { UpgradeContext } from "../../../machines/upgrade-context.ts";
import { coordinatorId } from "../../control/names.ts";
import type { EffectContext } from "../../engine/engine.ts";
import { LockstepError } from "../../errors.ts";
import type { Entry } from "../../journal/store.ts";
import { exitForStuckEffect } from "../../launcher/agent-side.ts";
import { limits } from "../../limits.ts";
import { deadlinesDefault } from "../protocol/accept.ts";
import { contextOf } from "../views.ts";
import type { World } from "../world.ts";
import type { LocalRun } from "./local-steps.ts";

/**
 * Runs or undoes local steps within the upgrade's deadline, in each process anew: whoever takes part only
 * after the commit is waited for by nobody else. One that ignores its signal takes its process along.
 */
export async function localWork(
  world: World,
  deadline: "peersMs" | "rollingBackMs",
  params: Readonly<Record<string, unknown>>,
  context: EffectContext,
  act: (run: LocalRun, coordinator: Entry | undefined) => Promise<AgentEvent>,
): Promise<AgentEvent> {
  const upgrade = String(params["upgrade"]);
  const coordinator = await world.store.tail(coordinatorId(upgrade));
  const known = coordinator && contextOf<UpgradeContext>(coordinator);
  const limitMs = (known?.deadlines ?? deadlinesDefault)[deadline];
  const [overtime, ended] = [new AbortController(), new AbortController()];
  const watch = async () => {
    await world.clock.sleep(limitMs, ended.signal);
    if (ended.signal.aborted) return;
    const message = `it was not done in ${limitMs} ms: mend this host or the step`;
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
      upgrade,
      effect: context.id,
      isFirstTry: context.attempt === 1,
      from: String(params["from"]),
      to: String(params["to"]),
      now: new Date(known?.acceptedAt ?? 0),
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
