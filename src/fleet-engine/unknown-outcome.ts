import { isLockstepError, messageOf } from "../errors.ts";
import { limits } from "../limits.ts";
import type { Log } from "../log.ts";
import type { Clock } from "../ports/clock.ts";
import { linkController } from "../ports/waiting/linked-controller.ts";
import type { Ownership } from "./engine-types.ts";

/** Acts until the act ends, the ownership is lost, or the engine stops. */
export async function whileOwned(
  ownership: Ownership,
  stopping: AbortSignal,
  act: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const { controller, unlink } = linkController([ownership.signal, stopping]);
  await act(controller.signal).finally(unlink);
}

/**
 * Looks for an entry whose answer was lost, until its outcome is known: no other append may come along and collide
 * with it. Each look waits twice as long as the one before, two minutes in all, since a write may land long after its
 * sender lost the connection.
 */
export function untilOutcomeKnown(
  ports: { readonly clock: Clock; readonly log: Log; readonly stopping: AbortSignal },
  ownership: Ownership,
  isKnown: () => Promise<boolean>,
): Promise<void> {
  const { clock, log, stopping } = ports;
  return whileOwned(ownership, stopping, async (signal) => {
    let looks = 0;
    for (let attempt = 0; attempt < limits.deliverAttemptsMax && !signal.aborted; attempt += 1) {
      await clock.sleep(limits.effectRetryDelayMs * 2 ** looks, signal);
      try {
        if (signal.aborted || (await isKnown())) return;
        looks += 1;
      } catch (error) {
        if (isLockstepError(error, "fenced")) return;
        log.info({ error: messageOf(error) }, "the outcome of a write is not known yet");
      }
      if (looks >= limits.unknownOutcomeReadsMax) return;
    }
  });
}
