import { LockstepError } from "../../../errors.ts";
import { effectFailed } from "../../../fleet-engine/effects/effect-failed.ts";
import type { EffectHandler } from "../../../fleet-engine/engine.ts";
import { untilAborted } from "../../../ports/waiting/until-aborted.ts";
import type { AgentWorld } from "../../agent-world.ts";
import { goesForward, isRequired } from "../../protocol/master-eligibility.ts";
import { otherStepsHere } from "../../protocol/other-steps.ts";
import { mayBeMaster, readActiveUpgrade } from "../active-upgrade.ts";

export type Handlers = Readonly<Record<string, EffectHandler>>;

/** The same handlers, each in a wrapping. */
export function wrapped(
  handlers: Handlers,
  wrap: (handler: EffectHandler, name: string) => EffectHandler,
): Handlers {
  return Object.fromEntries(
    Object.entries(handlers).map(([name, handler]) => [name, wrap(handler, name)]),
  );
}

const forward = ["chooseBackupTime", "rehearse", "migrate", "keepHolds", "verifyLiveData"];

/**
 * Only an agent that was ready on the new version may go forward, with the steps that it was ready with. Any other
 * master turns the fleet back if no other agent can lead, waits if it is not a required agent, and otherwise gives the
 * mastership up.
 */
export function onlyReady(world: AgentWorld, handlers: Handlers) {
  const wrap =
    (name: string, handler: EffectHandler): EffectHandler =>
    async (params, context) => {
      const activeUpgrade = await readActiveUpgrade(world.store, world.failureDetector);
      const coordinator = activeUpgrade?.coordinator;
      const known = coordinator?.context;
      if (known && goesForward(known, world)) {
        const differ = otherStepsHere(known, world, coordinator.protocol);
        return differ === null ? handler(params, context) : effectFailed(name, differ);
      }
      if (!mayBeMaster(activeUpgrade, world)) {
        throw new LockstepError("lease-lost", "the upgrade's state is for another build to drive");
      }
      // No agent that the upgrade is for can be heard. Some may be back before its deadline.
      if (known && !isRequired(known, world.agent)) {
        return untilAborted(context.signal);
      }
      const message = `expected a state server that was ready on ${params["to"]}, none is left: see why it does not come up`;
      const reason = { code: "cannot-start", message, details: { version: params["to"] } };
      return effectFailed(name, reason);
    };
  return wrapped(handlers, (handler, name) =>
    forward.includes(name) ? wrap(name, handler) : handler,
  );
}
