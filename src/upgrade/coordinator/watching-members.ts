import { pauseDeletions, type TtlHold } from "../../database/isolation/ttl-hold.ts";
import type { EffectContext } from "../../engine/engine.ts";
import { isLockstepError, messageOf } from "../../errors.ts";
import { limits } from "../../limits.ts";
import {
  databaseSize,
  readMemberSpace,
  requireMemberSpace,
  spaceNeeded,
} from "../../mongo/requirements/space.ts";
import type { DatabaseWorld } from "../world.ts";

/** The means of pausing and resuming the TTL monitors. */
export function deletionsOf(world: DatabaseWorld): TtlHold {
  return {
    ...world,
    control: { client: world.client, databaseName: world.controlDatabaseName },
  };
}

/**
 * Runs something that fills disks and looks at every member meanwhile: TTL deletion rests, also on one
 * that was started again; and while there is still room for the way back, a disk that fills turns it
 * back (a full disk kills a mongod).
 * @param options.neededBytes what has to stay free beyond the reserve; default: room for a restore
 * @param options.alsoLook what else is looked at, `foreign-writes` being another way to end it
 * @throws LockstepError `disk-full`, `foreign-writes` in place of the result
 */
export async function watchingMembers<Result>(
  world: DatabaseWorld,
  { actor, epoch, signal }: Pick<EffectContext, "actor" | "epoch" | "signal">,
  act: (signal: AbortSignal) => Promise<Result>,
  options: { readonly neededBytes?: number; readonly alsoLook?: () => Promise<void> } = {},
): Promise<Result> {
  const { neededBytes, alsoLook } = options;
  const found = new AbortController();
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  const look = async () => {
    // Beside what is under way: a member that is away, as the primary that has just died, costs a time-out.
    const mastership = world.mastership(epoch);
    const deletions = deletionsOf(world);
    if (mastership)
      await pauseDeletions({ ...deletions, mastership, signal, clock: world.clock }, actor);
    const { restoreBytes } = spaceNeeded(await databaseSize(world.client, world.databaseName));
    requireMemberSpace(await readMemberSpace(world), neededBytes ?? restoreBytes);
    await alsoLook?.();
  };
  const watching = (async () => {
    for (let looks = 0; looks < limits.looksMax && !either.aborted; looks += 1) {
      try {
        await look();
      } catch (error) {
        if (isLockstepError(error, "disk-full") || isLockstepError(error, "foreign-writes")) {
          world.log.warn({ ...error.details }, `${error.code}: what is under way is stopped`);
          found.abort(error);
          return;
        }
        // Not to be able to ask says nothing of the space.
        world.log.warn({ error: messageOf(error) }, "the members could not be looked at");
      }
      await world.clock.sleep(limits.memberWatchMs, either);
    }
  })();
  try {
    return await act(AbortSignal.any([signal, found.signal]));
  } finally {
    over.abort();
    await watching;
  }
}
