import { messageOf } from "../errors.ts";
import type { Entry, Store, Timer } from "../journal/store.ts";
import { limits } from "../limits.ts";
import type { Log } from "../log.ts";
import type { Clock } from "../ports/clock.ts";
import type { Ownership } from "./engine-types.ts";

/** Fires the timers that are due by the store's clock, until aborted. It asks that clock only while one is armed. */
export async function fireTimers(options: {
  /** The owned actors. */
  actors(): readonly { readonly tail: Entry; fire(timer: Timer): Promise<void> }[];
  mayFire: NonNullable<Ownership["mayFire"]>;
  store: Store;
  clock: Clock;
  log: Log;
  signal: AbortSignal;
}): Promise<void> {
  const { store, clock, log, signal } = options;
  while (!signal.aborted) {
    const armed = options.actors().filter(({ tail }) => tail.timers.length > 0);
    let waitMs: number = limits.timerPollMsMax;
    if (armed.length > 0) {
      try {
        const now = await store.now();
        for (const actor of armed) {
          for (const timer of actor.tail.timers) {
            if (timer.dueAt > now) waitMs = Math.min(waitMs, timer.dueAt - now);
            else if (options.mayFire(timer, now)) await actor.fire(timer);
          }
        }
      } catch (error) {
        log.info({ error: messageOf(error) }, "the timers could not be checked");
      }
    }
    await clock.sleep(waitMs, signal);
  }
}
