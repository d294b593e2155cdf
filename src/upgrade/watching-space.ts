import {
  databaseSize,
  readMemberSpace,
  requireMemberSpace,
  spaceNeeded,
} from "../database/space.ts";
import { isLockstepError } from "../errors.ts";
import { limits } from "../limits.ts";
import type { World } from "./world.ts";

/**
 * Runs something that fills disks and looks at every member's meanwhile: while there is still room
 * for the way back, it is turned back (a full disk kills a mongod).
 * @throws LockstepError `disk-full` in place of the result
 */
export async function watchingSpace<Result>(
  world: World,
  signal: AbortSignal,
  act: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const { restoreBytes } = spaceNeeded(await databaseSize(world.client, world.databaseName));
  const short = new AbortController();
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  const watching = (async () => {
    for (let look = 0; look < limits.looksMax && !either.aborted; look += 1) {
      try {
        requireMemberSpace(await readMemberSpace(world), restoreBytes);
      } catch (error) {
        // Not to be able to ask says nothing of the space.
        if (isLockstepError(error, "disk-full")) {
          short.abort(error);
          return;
        }
      }
      await world.clock.sleep(limits.spaceWatchMs, either);
    }
  })();
  try {
    return await act(AbortSignal.any([signal, short.signal]));
  } finally {
    over.abort();
    await watching;
  }
}
