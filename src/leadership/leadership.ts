import { isAway, LockstepError, messageOf } from "../errors.ts";
import { limits } from "../limits.ts";
import type { Log } from "../log.ts";
import type { Clock } from "../ports/clock.ts";
import { createPulse } from "../ports/pulse.ts";
import type { Random } from "../ports/random.ts";
import { collections, documentIds } from "../store/store.ts";
import type { LeaseStore } from "./lease.ts";
import type { Mastership } from "./mastership.ts";

export interface Leadership {
  /** Tries to be master until stopped; `onMaster` runs once for each epoch that is ours. */
  run(onMaster: (mastership: Mastership) => Promise<void>): Promise<void>;
  /** The lease may have been given up: it is looked at now. */
  hint(): void;
  /** Gives the lease up; somebody else may take it at once. */
  release(): Promise<void>;
  /** Gives the lease up for good. */
  stop(): Promise<void>;
}

interface Held {
  readonly nonce: string;
  readonly epoch: number;
  readonly lost: AbortController;
  /** Ends once it is lost. */
  readonly renewing: Promise<void>;
}

/**
 * Leadership: a lease by the database's clock, a growing epoch, and a fence raised before acting.
 * Ownership is the lease, looked at all the time; never a role sampled once.
 */
export function createLeadership(options: {
  leases: LeaseStore;
  /** Ends what the process of this name has open: it must not hold its successor up. */
  endPredecessor(appName: string): Promise<number>;
  agent: string;
  incarnation: number;
  appName: string;
  leaseTtlMs: number;
  clock: Clock;
  random: Random;
  log: Log;
  eligible: () => Promise<boolean>;
}): Leadership {
  const { leases, agent, clock, log, leaseTtlMs } = options;
  const stopping = new AbortController();
  const pulse = createPulse(clock);
  let held: Held | undefined;
  /** Masterships in a row that came to nothing: each is followed by a longer pause, so that none flaps. */
  let failures = 0;
  let running: Promise<void> = Promise.resolve();

  type Granted = Omit<Held, "renewing">;
  const lose = (mine: Granted, why: string) => {
    if (mine.lost.signal.aborted) return;
    log.warn({ epoch: mine.epoch, why }, "mastership lost");
    mine.lost.abort(
      new LockstepError("lease-lost", `mastership of epoch ${mine.epoch} lost: ${why}`),
    );
  };

  /** Renews until lost; keeps a deadline of its own, for comfort: the fence is what protects. */
  const renewLoop = async (mine: Granted, deadlineMs: number): Promise<void> => {
    const { signal } = mine.lost;
    let goodUntilMs = deadlineMs;
    while (!signal.aborted) {
      await clock.sleep(leaseTtlMs / limits.leaseRenewFraction, signal);
      if (signal.aborted) return;
      const sentAtMs = clock.monotonicMs();
      const watchdog = new AbortController();
      void clock.sleep(goodUntilMs - sentAtMs, watchdog.signal).then(() => {
        if (!watchdog.signal.aborted && clock.monotonicMs() >= goodUntilMs) {
          lose(mine, "it could not be renewed in time");
        }
      });
      try {
        const renewed = await leases.renew(mine.nonce, mine.epoch, leaseTtlMs);
        if (!renewed) lose(mine, "somebody else holds it");
        else goodUntilMs = sentAtMs + leaseTtlMs;
      } catch (error) {
        log.warn({ error: messageOf(error) }, "the lease could not be renewed; it is tried again");
        if (clock.monotonicMs() >= goodUntilMs) lose(mine, "it could not be renewed in time");
      } finally {
        watchdog.abort("answered");
      }
    }
  };

  const giveUp = async (mine: Held, why: string): Promise<void> => {
    lose(mine, why);
    await mine.renewing;
    held = undefined;
    await leases.release(mine.nonce, mine.epoch).catch(() => {
      // Whoever comes next waits until it runs out.
    });
  };

  /**
   * Lease, then the predecessor's sessions, then the fence; only then may anybody act. Renewed from the
   * first moment: where the rest takes long, the lease would run out before anything was done with it.
   */
  const acquire = async (): Promise<Held | undefined> => {
    const nonce = options.random.hex(12);
    const startedMs = clock.monotonicMs();
    const taken = await leases.acquire({
      holder: agent,
      incarnation: options.incarnation,
      nonce,
      appName: options.appName,
      ttlMs: leaseTtlMs,
    });
    if (!taken) return undefined;
    const { granted, previous } = taken;
    const own: Granted = { nonce, epoch: granted.epoch, lost: new AbortController() };
    const mine: Held = { ...own, renewing: renewLoop(own, startedMs + leaseTtlMs) };
    held = mine;
    try {
      if (previous.appName !== options.appName) {
        const killed = await options.endPredecessor(previous.appName);
        if (killed > 0) {
          log.info({ killed, holder: previous.holder }, "predecessor's sessions ended");
        }
      }
      const isRaised = await leases.raiseFence(mine.epoch, agent);
      if (isRaised && !mine.lost.signal.aborted && !stopping.signal.aborted) return mine;
      await giveUp(mine, "a successor is there, or this process stops");
      return undefined;
    } catch (error) {
      await giveUp(mine, "the fence could not be raised");
      throw error;
    }
  };

  const serve = async (
    mine: Held,
    onMaster: (mastership: Mastership) => Promise<void>,
  ): Promise<void> => {
    log.info({ epoch: mine.epoch }, "mastership acquired");
    try {
      await onMaster({
        epoch: mine.epoch,
        signal: mine.lost.signal,
        fence: {
          collection: collections.fences,
          id: documentIds.master,
          expect: { epoch: mine.epoch },
          increment: { sequence: 1 },
        },
      });
      failures = 0;
    } catch (error) {
      if (!isAway(error) && !mine.lost.signal.aborted) failures += 1;
      log.warn({ error: messageOf(error) }, "the master's work ended");
    } finally {
      await giveUp(mine, "its work ended");
    }
  };

  return {
    run(onMaster) {
      running = (async () => {
        while (!stopping.signal.aborted) {
          let waitMs: number = limits.leaseAcquirePollMs;
          let wait = pulse.wait;
          try {
            const freeInMs = await leases.freeInMs();
            if (freeInMs > 0) waitMs = Math.max(waitMs, Math.min(freeInMs, limits.leaseLookMsMax));
            else if (await options.eligible()) {
              // What it gives up itself is no hint to take it again at once.
              wait = clock.sleep;
              const mine = await acquire();
              if (mine) await serve(mine, onMaster);
              waitMs = Math.min(waitMs * 2 ** Math.min(failures, 20), limits.leasePauseMsMax);
            }
          } catch (error) {
            log.info({ error: messageOf(error) }, "the lease could not be looked at");
          }
          await wait(waitMs, stopping.signal);
        }
      })();
      return running;
    },
    hint: pulse.hint,
    async release() {
      if (held) lose(held, "it was given up");
    },
    async stop() {
      stopping.abort();
      if (held) lose(held, "this process stops");
      await running;
    },
  };
}
