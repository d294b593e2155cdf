import { isAway, messageOf } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { type Log, sayOnce } from "../../log.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Random } from "../../ports/random.ts";
import { createWakeUp } from "../../ports/waiting/wake-up.ts";
import type { DatabaseClock } from "../actor/database-clock.ts";
import type { EngineStore, Fence, PartitionRecord, WorkerRecord } from "../journal/store.ts";
import { decideAssignment, nameAndVersion } from "./assignment.ts";

/** The ports of a worker's membership. */
export interface LeasePorts {
  readonly store: EngineStore;
  readonly clock: Clock;
  readonly databaseClock: DatabaseClock;
  readonly random: Random;
  readonly log: Log;
  readonly machines: readonly string[];
  readonly host: string;
  readonly pid: number;
  readonly leaseTtlMs: number;
}

/** The changes in the partitions of this worker. */
export interface LeaseEvents {
  /** This worker owns a partition from now on. */
  onOwned(record: PartitionRecord, sinceMs: number): void;
  /**
   * This worker owns a partition no more: it gives it back, or has lost it. Resolves once nothing of it runs here; only
   * then it is given back.
   */
  onClosed(partition: string): Promise<void>;
}

/** Does something with all of them at the same time, and waits for all of them before it fails. */
async function together<Item>(
  items: readonly Item[],
  act: (item: Item) => Promise<void>,
): Promise<void> {
  const results = await Promise.allSettled(items.map(act));
  const failed = results.find((result) => result.status === "rejected");
  if (failed) throw failed.reason;
}

/** The workers as far as they decide about the partitions. */
const newsOf = (workers: readonly WorkerRecord[]) =>
  JSON.stringify(workers.map((each) => [each.worker, each.epoch, each.isExpired, each.machines]));

/**
 * The membership of one worker: it renews its lease, fences out workers that did not, and shares the partitions out.
 * Its right ends by its own clock before another worker can see that the lease has expired.
 */
export class LeaseLoop {
  readonly #ports: LeasePorts;
  readonly #events: LeaseEvents;
  readonly #owned = new Map<string, PartitionRecord>();
  /** No partition is taken any more. The lease is renewed until everything is given back. */
  readonly #stopping = new AbortController();
  readonly #stopped = new AbortController();
  #fence: Fence;
  readonly #wakeShare;
  #isRegistered = false;
  #validUntilMs = 0;
  /** The workers at the last look at the partitions, which found each worker with its share. Null: look again. */
  #settled: string | null = null;
  /** The time at which it has read the partitions, by this process's clock. */
  #lookedAtMs = 0;
  /** True for a trouble that the log has not had since the last renewal: each try would say the same again. */
  #isNewTrouble = sayOnce();
  /** The time at which the first lease of another worker runs out unless it is renewed, by the database's clock. */
  #nextExpiryMs = Number.POSITIVE_INFINITY;
  #sharing: Promise<unknown> = Promise.resolve();
  #keeping: Promise<unknown> = Promise.resolve();

  constructor(ports: LeasePorts, events: LeaseEvents) {
    this.#ports = ports;
    this.#events = events;
    this.#wakeShare = createWakeUp(ports.clock);
    this.#fence = this.#newFence();
  }

  /** The fence of the present lease. */
  get fence(): Fence {
    return this.#fence;
  }

  /** True while this worker owns a partition by this very claim. */
  isOwned(record: PartitionRecord): boolean {
    return this.#owned.get(record.partition) === record;
  }

  start(): void {
    this.#sharing = this.#shareLoop();
    this.#keeping = Promise.all([this.#renewLoop(), this.#watchExpiry()]);
  }

  /** Gives everything back in order. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#sharing;
    // A partition that cannot be given back is free once the lease has run out.
    await this.#guarded(() => together([...this.#owned.values()], (each) => this.#release(each)));
    this.#stopped.abort();
    await this.#keeping;
    await this.#guarded(() => this.#ports.store.removeWorker(this.#fence.worker));
  }

  #newFence(): Fence {
    const { host, pid, random } = this.#ports;
    return { worker: `${host}:${pid}:${random.hex(6)}`, epoch: 1 };
  }

  /** Renews the lease. Nothing else delays it. */
  async #renewLoop(): Promise<void> {
    const { clock, leaseTtlMs } = this.#ports;
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      const beganMs = clock.monotonicMs();
      await this.#guarded(() => this.#renew());
      const everyMs = this.#isRegistered
        ? leaseTtlMs / limits.workerRenewFraction
        : limits.workerRetryMs;
      const leftMs = everyMs - (clock.monotonicMs() - beganMs);
      await clock.sleep(Math.max(limits.workerRenewPauseMs, leftMs), signal);
    }
  }

  /** Fences out workers that are gone, and shares the partitions out: now and then, and at once after a registration. */
  async #shareLoop(): Promise<void> {
    const { leaseTtlMs } = this.#ports;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      let waitMs = leaseTtlMs / limits.workerRenewFraction;
      await this.#guarded(async () => {
        if (this.#isRegistered) await this.#reconcile();
        waitMs = Math.min(waitMs, await this.#untilExpiryMs());
      });
      await this.#wakeShare.wait(waitMs, signal);
    }
  }

  /** The time until the lease of another worker may have run out. */
  async #untilExpiryMs(): Promise<number> {
    if (this.#nextExpiryMs === Number.POSITIVE_INFINITY) return Number.POSITIVE_INFINITY;
    const leftMs = this.#nextExpiryMs - (await this.#ports.databaseClock.nowMs());
    return Math.max(leftMs, limits.workerExpiryLookMs);
  }

  /** The workers at this moment. */
  async #workers(): Promise<readonly WorkerRecord[]> {
    const workers = await this.#ports.store.workers();
    const others = workers.filter(({ worker }) => worker !== this.#fence.worker);
    const expiries = others.filter(({ isExpired }) => !isExpired).map((each) => each.expiresAtMs);
    this.#nextExpiryMs = Math.min(Number.POSITIVE_INFINITY, ...expiries);
    return workers;
  }

  async #guarded(act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      const { log } = this.#ports;
      const text = messageOf(error);
      if (!this.#isNewTrouble(text)) return;
      if (isAway(error)) log.info({ error: text }, "a worker could not reach the database");
      else log.warn({ error: text }, "a worker could not look after its lease");
    }
  }

  /** Ends the work once the lease is over by this process's clock, also while the database does not answer. */
  async #watchExpiry(): Promise<void> {
    const { clock, log } = this.#ports;
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      const leftMs = this.#validUntilMs - clock.monotonicMs();
      if (leftMs <= 0 && this.#owned.size > 0) {
        log.warn({}, "this worker could not renew its lease in time, and ends its work");
        this.#lose();
      }
      await clock.sleep(leftMs > 0 ? leftMs : limits.workerExpiryLookMs, signal);
    }
  }

  /** The records of these partitions are another worker's by now, or may be so soon. */
  #lose(partitions = [...this.#owned.keys()]): void {
    this.#settled = null;
    for (const partition of partitions) {
      this.#owned.delete(partition);
      void this.#events.onClosed(partition);
    }
  }

  async #renew(): Promise<void> {
    const { store, clock, leaseTtlMs, machines, host, pid, log } = this.#ports;
    const me = { ...this.#fence, machines, host, pid };
    // An earlier registration without an answer may have begun the lease long ago: a renewal follows each.
    const isThere = this.#isRegistered || (await store.register(me, leaseTtlMs));
    const beganMs = clock.monotonicMs();
    const isKept = isThere && (await store.renew(me, leaseTtlMs));
    this.#isNewTrouble = sayOnce();
    if (isKept && !this.#isRegistered) {
      this.#settled = null;
      this.#wakeShare.hint();
    }
    this.#isRegistered = isKept;
    if (isKept) {
      this.#validUntilMs = beganMs + leaseTtlMs - limits.workerLeaseMarginMs;
      return;
    }
    log.warn({ worker: me.worker }, "another worker has replaced this one");
    this.#lose();
    this.#validUntilMs = 0;
    this.#fence = this.#newFence();
  }

  /** Somebody may have dropped the database, or restored one without the engine's collections. The next look finds them. */
  async #prepareMissing(partitions: readonly PartitionRecord[]): Promise<void> {
    const { store, machines, log } = this.#ports;
    const found = new Set(partitions.map(({ machine }) => machine));
    const missing = [...new Set(machines.map((each) => nameAndVersion(each)[0]))].filter(
      (name) => !found.has(name),
    );
    if (missing.length === 0) return;
    log.warn({ machines: missing }, "the partitions of machines are gone, and are created again");
    await store.prepare(missing);
    this.#settled = null;
  }

  /** Looks at the partitions where a worker came or went, and now and then. An idle worker reads only the workers. */
  async #reconcile(): Promise<void> {
    const { store, clock } = this.#ports;
    const { worker: me } = this.#fence;
    const isFresh = clock.monotonicMs() - this.#lookedAtMs < limits.workerLookFloorMs;
    const isToRest = isFresh && this.#settled !== null;
    if (isToRest && newsOf(await this.#workers()) === this.#settled) return;
    this.#settled = null;
    // The partitions first: an owner has registered before it claimed one, so an owner that is not among the workers now
    // is gone. The other way round, a worker that came meanwhile would seem to be gone.
    const partitions = await store.partitions();
    const workers = await this.#workers();
    await this.#prepareMissing(partitions);
    const dead = new Set<string>();
    for (const { worker, epoch, isExpired } of workers) {
      if (worker === me || !isExpired || !(await store.fenceOut(worker, epoch))) continue;
      dead.add(worker);
      // Partitions of a worker without a record are free.
      await store.removeWorker(worker);
    }
    if (this.#fence.worker !== me || !this.#isValid) return;
    this.#loseOthers(partitions);
    const alive = workers.filter(({ worker }) => !dead.has(worker));
    const isSettled = await this.#share(alive, partitions);
    this.#settled = isSettled ? newsOf(alive) : null;
    this.#lookedAtMs = clock.monotonicMs();
  }

  /** Closes the partitions that their records give to another worker, or to another claim. */
  #loseOthers(partitions: readonly PartitionRecord[]): void {
    const lost = partitions.filter(({ partition, worker, epoch }) => {
      const owned = this.#owned.get(partition);
      return owned !== undefined && (owned.worker !== worker || owned.epoch !== epoch);
    });
    if (lost.length === 0) return;
    const names = lost.map(({ partition }) => partition);
    this.#ports.log.warn({ partitions: names }, "another claim has replaced that of this worker");
    this.#lose(names);
  }

  /** True where every worker has its share, so that nothing changes until a worker comes or goes. */
  async #share(
    workers: readonly WorkerRecord[],
    partitions: readonly PartitionRecord[],
  ): Promise<boolean> {
    const { worker } = this.#fence;
    const { release, claim, isSettled } = decideAssignment(worker, workers, partitions);
    // A claim whose answer was lost, or a partition from before a lease that ran out and was renewed. It is claimed
    // anew, so that its work gets a larger fence than any that may still run.
    const again = partitions.filter(
      (record) =>
        record.worker === worker && !release.includes(record) && !this.#owned.has(record.partition),
    );
    const acts = [
      ...release.map((record) => () => this.#release(record)),
      ...[...again, ...claim].map((record) => () => this.#claim(record)),
    ];
    await together(acts, (act) => act());
    return isSettled && again.length === 0;
  }

  async #claim(found: PartitionRecord): Promise<void> {
    const { worker } = this.#fence;
    // Read before: whatever is asked for from now on, no earlier owner has begun. The first owner has none before it.
    const sinceMs = found.epoch === 0 ? 0 : await this.#ports.databaseClock.nowMs();
    const epoch = await this.#ports.store.assign(found, worker);
    // A worker whose lease ran out meanwhile owns nothing.
    const isOurs = this.#fence.worker === worker && this.#isValid;
    if (epoch === null || !isOurs || this.#stopping.signal.aborted) return;
    const record = { ...found, worker, epoch };
    this.#owned.set(record.partition, record);
    this.#events.onOwned(record, sinceMs);
  }

  /** True while the lease runs by this process's own clock. */
  get #isValid(): boolean {
    return this.#ports.clock.monotonicMs() < this.#validUntilMs;
  }

  async #release(record: PartitionRecord): Promise<void> {
    const { partition } = record;
    const owned = this.#owned.get(partition) ?? record;
    this.#owned.delete(partition);
    await this.#events.onClosed(partition);
    await this.#ports.store.assign(owned, null);
  }
}
