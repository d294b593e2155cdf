import { isAway, isLockstepError, LockstepError, messageOf } from "../errors.ts";
import { collections, documentIds } from "../journal/store.ts";
import { limits } from "../limits.ts";
import type { Log } from "../log.ts";
import type { Clock } from "../ports/clock.ts";
import type { Random } from "../ports/random.ts";
import { createWakeUp, type WakeUp } from "../ports/waiting/wake-up.ts";
import type { LeaseDocument, LeaseStore } from "./lease.ts";
import type { Mastership } from "./mastership.ts";

export interface Leadership {
  /** Tries to become master until stopped. `onMaster` runs once for each epoch of ours. */
  run(onMaster: (mastership: Mastership) => Promise<void>): Promise<void>;
  /** Reads the lease now, since its holder may have given it up. */
  hint(): void;
  /** Gives the lease up. Another process may take it at once. */
  release(): Promise<void>;
  /** Gives the lease up for good. */
  stop(): Promise<void>;
}

interface Granted {
  readonly nonce: string;
  readonly epoch: number;
  readonly lost: AbortController;
}

interface Held extends Granted {
  /** Ends once the mastership is lost. */
  readonly renewing: Promise<void>;
}

export interface LeadershipOptions {
  readonly leases: LeaseStore;
  /** Ends the sessions of the process of this name, so that they do not delay its successor. */
  endPredecessor(appName: string): Promise<number>;
  readonly agent: string;
  readonly incarnation: number;
  readonly appName: string;
  readonly leaseTtlMs: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly eligible: () => Promise<boolean>;
}

/**
 * Leadership consists of a lease by the database's clock, a growing epoch, and a fence that is raised before the
 * master acts. A process asks the lease each time whether it is master, and never relies on an earlier answer.
 */
export function createLeadership(options: LeadershipOptions): Leadership {
  return new LeaseLeadership(options);
}

class LeaseLeadership implements Leadership {
  readonly #options: LeadershipOptions;
  readonly #stopping = new AbortController();
  readonly #wakeUp: WakeUp;
  #held: Held | undefined;
  /**
   * The number of masterships in a row that failed. Each makes the next pause longer, so that mastership does not
   * flap.
   */
  #failures = 0;
  #running: Promise<void> = Promise.resolve();

  constructor(options: LeadershipOptions) {
    this.#options = options;
    this.#wakeUp = createWakeUp(options.clock);
  }

  run(onMaster: (mastership: Mastership) => Promise<void>): Promise<void> {
    this.#running = this.#compete(onMaster);
    return this.#running;
  }

  hint(): void {
    this.#wakeUp.hint();
  }

  async release(): Promise<void> {
    if (this.#held) this.#lose(this.#held, "it was given up");
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    if (this.#held) this.#lose(this.#held, "this process stops");
    await this.#running;
  }

  async #compete(onMaster: (mastership: Mastership) => Promise<void>): Promise<void> {
    const { leases, clock, log } = this.#options;
    while (!this.#stopping.signal.aborted) {
      let waitMs: number = limits.leaseAcquirePollMs;
      let wait = this.#wakeUp.wait;
      try {
        const freeInMs = await leases.freeInMs();
        if (freeInMs > 0) waitMs = Math.max(waitMs, Math.min(freeInMs, limits.leaseLookMsMax));
        else if (await this.#options.eligible()) {
          // A lease that this process has just given up is no reason to take it again at once.
          wait = clock.sleep;
          const mine = await this.#acquire();
          if (mine) await this.#serve(mine, onMaster);
          waitMs = this.#pauseMs();
        }
      } catch (error) {
        if (isLockstepError(error, "record-broken")) {
          log.warn({ error: error.message }, "the lease is broken, so no agent can be master");
          this.#failures += 1;
          waitMs = this.#pauseMs();
        } else log.info({ error: messageOf(error) }, "the lease could not be read");
      }
      await wait(waitMs, this.#stopping.signal);
    }
  }

  /**
   * Takes the lease, ends the predecessor's sessions and raises the fence. Only then may this process act. The lease
   * is renewed from the first moment, since the rest may take longer than it lasts.
   */
  async #acquire(): Promise<Held | undefined> {
    const { leases, agent, incarnation, appName, leaseTtlMs, clock, random } = this.#options;
    const nonce = random.hex(12);
    const startedMs = clock.monotonicMs();
    const taken = await leases.acquire({
      ...{ holder: agent, incarnation, nonce, appName, ttlMs: leaseTtlMs },
    });
    if (!taken) return undefined;
    const { granted, previous } = taken;
    const own: Granted = { nonce, epoch: granted.epoch, lost: new AbortController() };
    const mine: Held = { ...own, renewing: this.#renew(own, startedMs + leaseTtlMs) };
    this.#held = mine;
    try {
      if (previous.appName !== appName) await this.#endPredecessor(previous);
      const isRaised = await leases.raiseFence(mine.epoch, agent);
      if (isRaised && !mine.lost.signal.aborted && !this.#stopping.signal.aborted) return mine;
      await this.#giveUp(mine, "a successor is there, or this process stops");
      return undefined;
    } catch (error) {
      await this.#giveUp(mine, "the fence could not be raised");
      throw error;
    }
  }

  async #endPredecessor({ appName, holder }: LeaseDocument): Promise<void> {
    const killed = await this.#options.endPredecessor(appName);
    if (killed > 0)
      this.#options.log.info({ ended: killed, holder }, "predecessor's sessions ended");
  }

  /** Renews the lease until it is lost. The deadline here only saves work: the fence protects the data. */
  async #renew(mine: Granted, deadlineMs: number): Promise<void> {
    const { leases, clock, log, leaseTtlMs } = this.#options;
    const { signal } = mine.lost;
    let goodUntilMs = deadlineMs;
    while (!signal.aborted) {
      await clock.sleep(leaseTtlMs / limits.leaseRenewFraction, signal);
      if (signal.aborted) return;
      const sentAtMs = clock.monotonicMs();
      const watchdog = new AbortController();
      void clock.sleep(goodUntilMs - sentAtMs, watchdog.signal).then(() => {
        if (!watchdog.signal.aborted && clock.monotonicMs() >= goodUntilMs) {
          this.#lose(mine, "it could not be renewed in time");
        }
      });
      try {
        const renewed = await leases.renew(mine.nonce, mine.epoch, leaseTtlMs);
        if (!renewed) this.#lose(mine, "somebody else holds it");
        else goodUntilMs = sentAtMs + leaseTtlMs;
      } catch (error) {
        log.warn({ error: messageOf(error) }, "the lease could not be renewed; it is tried again");
        if (clock.monotonicMs() >= goodUntilMs) this.#lose(mine, "it could not be renewed in time");
      } finally {
        watchdog.abort("answered");
      }
    }
  }

  async #serve(mine: Held, onMaster: (mastership: Mastership) => Promise<void>): Promise<void> {
    const { log } = this.#options;
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
      this.#failures = 0;
    } catch (error) {
      if (!isAway(error) && !mine.lost.signal.aborted) this.#failures += 1;
      log.warn({ error: messageOf(error) }, "the master's work ended");
    } finally {
      await this.#giveUp(mine, "its work ended");
    }
  }

  #pauseMs(): number {
    const times = 2 ** Math.min(this.#failures, 20);
    return Math.min(limits.leaseAcquirePollMs * times, limits.leasePauseMsMax);
  }

  #lose(mine: Granted, why: string): void {
    if (mine.lost.signal.aborted) return;
    this.#options.log.warn({ epoch: mine.epoch, why }, "mastership lost");
    const message = `mastership of epoch ${mine.epoch} lost: ${why}`;
    mine.lost.abort(new LockstepError("lease-lost", message));
  }

  async #giveUp(mine: Held, why: string): Promise<void> {
    this.#lose(mine, why);
    await mine.renewing;
    this.#held = undefined;
    await this.#options.leases.release(mine.nonce, mine.epoch).catch(() => {
      // The next master waits until the lease runs out.
    });
  }
}
