import { limits } from "../../../limits.ts";
import { partitionsOf } from "../partitions.ts";
import type { EngineStore, Fence, PartitionRecord, WorkerRecord, WorkerSelf } from "../store.ts";

interface Held extends WorkerSelf {
  readonly expiresAtMs: number;
  readonly ttlMs: number;
}

/** The workers and the partitions in memory. */
export class MemoryWorkers {
  readonly #nowMs: () => number;
  readonly #workers = new Map<string, Held>();
  readonly #partitions = new Map<string, PartitionRecord>();

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  createPartitions(machines: readonly string[]): void {
    for (const made of partitionsOf(machines)) {
      if (!this.#partitions.has(made.partition)) this.#partitions.set(made.partition, made);
    }
  }

  holds({ worker, epoch }: Fence): boolean {
    return this.#workers.get(worker)?.epoch === epoch;
  }

  register(worker: WorkerSelf, ttlMs: number): boolean {
    if (!this.#workers.has(worker.worker)) this.#lease(worker, ttlMs);
    return this.holds(worker);
  }

  renew(worker: WorkerSelf, ttlMs: number): boolean {
    if (!this.holds(worker)) return false;
    this.#lease(worker, ttlMs);
    return true;
  }

  fenceOut(worker: string, epoch: number): boolean {
    const held = this.#workers.get(worker);
    if (!held || held.epoch > epoch) return true;
    if (held.epoch < epoch || !this.#isExpired(held)) return false;
    this.#workers.set(worker, { ...held, epoch: epoch + 1 });
    return true;
  }

  remove(worker: string): void {
    this.#workers.delete(worker);
  }

  list(): readonly WorkerRecord[] {
    return [...this.#workers.values()].map((held) => {
      const { ttlMs: _, ...worker } = held;
      return { ...worker, isExpired: this.#isExpired(held) };
    });
  }

  partitions(): readonly PartitionRecord[] {
    return [...this.#partitions.values()];
  }

  assign({ partition, ...found }: PartitionRecord, worker: string | null): number | null {
    const held = this.#partitions.get(partition);
    if (held?.worker !== found.worker || held.epoch !== found.epoch) return null;
    const epoch = held.epoch + 1;
    this.#partitions.set(partition, { ...held, worker, epoch });
    return epoch;
  }

  saveMarks(...[partition, epoch, marks]: Parameters<EngineStore["saveMarks"]>): void {
    const held = this.#partitions.get(partition);
    if (held?.epoch === epoch) this.#partitions.set(partition, { ...held, ...marks });
  }

  #isExpired({ expiresAtMs, ttlMs }: Held): boolean {
    const leftMs = expiresAtMs - this.#nowMs();
    return leftMs <= 0 || leftMs > ttlMs + limits.leaseAheadMs;
  }

  #lease(worker: WorkerSelf, ttlMs: number): void {
    const expiresAtMs = this.#nowMs() + ttlMs;
    this.#workers.set(worker.worker, { ...worker, expiresAtMs, ttlMs });
  }
}
