import { isLockstepError, messageOf } from "../../../errors.ts";
import type { EffectContext } from "../../../fleet-engine/engine.ts";
import { limits } from "../../../limits.ts";
import { spaceNeeded } from "../../../mongo/requirements/space.ts";
import type { AgentWorld } from "../../agent-world.ts";
import { actingOf } from "./acting.ts";

/**
 * Runs something that fills disks, and watches every member meanwhile. TTL deletion rests, also on a member that was
 * started again. While there is still room for the way back, a disk that fills ends it (a full disk kills a mongod).
 * @param options.neededBytes what has to stay free beyond the reserve; default: room for a restore
 * @param options.alsoLook another look, which may end it with `foreign-writes`
 * @throws LockstepError `disk-full`, `foreign-writes` in place of the result
 */
export async function watchingMembers<Result>(
  world: AgentWorld,
  context: EffectContext,
  act: (signal: AbortSignal) => Promise<Result>,
  options: { readonly neededBytes?: number; readonly alsoLook?: () => Promise<void> } = {},
): Promise<Result> {
  const { database } = world;
  const { neededBytes, alsoLook } = options;
  const found = new AbortController();
  const over = new AbortController();
  const either = AbortSignal.any([context.signal, over.signal]);
  const look = async () => {
    // This runs beside the work, since a member that is away, as a primary that has just died, costs a time-out.
    if (world.mastership(context.epoch)) await database.pauseDeletions(actingOf(world, context));
    const { restoreBytes } = spaceNeeded(await database.live.size());
    await database.requireRoom(neededBytes ?? restoreBytes);
    await alsoLook?.();
  };
  const watching = (async () => {
    while (!either.aborted) {
      try {
        await look();
      } catch (error) {
        if (isLockstepError(error, "disk-full") || isLockstepError(error, "foreign-writes")) {
          const { code, details } = error;
          world.log.warn({ code, details }, "the work under way is stopped");
          found.abort(error);
          return;
        }
        // A look that failed says nothing of the space.
        world.log.warn({ error: messageOf(error) }, "the members could not be watched");
      }
      await world.clock.sleep(limits.memberWatchMs, either);
    }
  })();
  try {
    return await act(AbortSignal.any([context.signal, found.signal]));
  } finally {
    over.abort();
    await watching;
  }
}
