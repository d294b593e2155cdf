import {
  type ClientSession,
  type Collection,
  type Db,
  type Document,
  type Filter,
  MongoBulkWriteError,
  UUID,
} from "mongodb";
import { limits } from "../../../limits.ts";
import { hasCode, serverErrors } from "../../../mongo/server-errors.ts";
import { partitionsOf } from "../partitions.ts";
import { databaseNotSupported, fencedOut } from "../refusals.ts";
import type { EngineStore, Fence, PartitionRecord, WorkerRecord, WorkerSelf } from "../store.ts";
import type { BrokenRecords } from "./broken-records.ts";
import {
  emptyTimestamp,
  engineCollections,
  partitionFromStored,
  type StoredFence,
  type StoredPartition,
  type StoredWorker,
  workerFromStored,
} from "./records.ts";

const nowMs = { $toLong: "$$NOW" };

/**
 * True for a lease that has run out. True also for one that ends so far ahead that an earlier primary's clock must
 * have been wrong: a worker that lives renews it soon.
 */
const isOver = {
  $or: [
    { $lte: ["$expiresAtMs", nowMs] },
    { $gt: ["$expiresAtMs", { $add: [nowMs, "$ttlMs", limits.leaseAheadMs] }] },
  ],
};
const isReadable = { $and: [{ $isNumber: "$expiresAtMs" }, { $isNumber: "$ttlMs" }] };
/** A lease that cannot be read is free too: a worker that lives mends it with its next renewal. */
const isFree = { $cond: [isReadable, isOver, true] };

/** The lease of a worker, as values of a pipeline: there a text that begins with a dollar sign would name a field. */
function leased({ machines, host, pid }: WorkerSelf, ttlMs: number): Document {
  return {
    expiresAtMs: { $add: [nowMs, ttlMs] },
    ...{ ttlMs, machines: { $literal: machines }, host: { $literal: host }, pid },
  };
}

/** The session of a transaction, as text. Pure. */
export function sessionId(session: ClientSession): string {
  return new UUID(session.id?.id?.buffer).toHexString();
}

/** The fence of a worker for one of its sessions. Pure. */
function fenceId(worker: string, session: string): string {
  return `${worker}/${session}`;
}

/** The epoch of a fence that is not in force. Those of workers begin at 1. */
const notInForce = 0;

/** All fences of a worker: "0" is the character after "/". Pure. */
function fencesOf(worker: string): Filter<StoredFence> {
  return { _id: { $gt: `${worker}/`, $lt: `${worker}0` } };
}

/**
 * The workers, their fences and the partitions. A lease and its fences are documents of their own, so that a renewal
 * never waits for a transaction. Each session of a worker has a fence, so that two transactions of one worker never
 * meet. It throws what the driver throws.
 */
export class WorkerRecords {
  readonly #workers: Collection<StoredWorker>;
  readonly #fences: Collection<StoredFence>;
  readonly #partitions: Collection<StoredPartition>;
  readonly #broken: BrokenRecords;

  constructor(database: Db, broken: BrokenRecords) {
    this.#broken = broken;
    this.#workers = database.collection(engineCollections.workers);
    this.#fences = database.collection(engineCollections.fences);
    this.#partitions = database.collection(engineCollections.partitions);
  }

  /** Creates the partitions that are missing, and proves with them that the server sets the times of entries. */
  async createPartitions(machines: readonly string[]): Promise<void> {
    const partitions = partitionsOf(machines).map(({ partition, ...rest }) => ({
      ...{ _id: partition, ...rest, madeAt: emptyTimestamp() },
    }));
    if (partitions.length === 0) return;
    await this.#partitions.insertMany(partitions, { ordered: false }).catch((error) => {
      const isThere =
        error instanceof MongoBulkWriteError && error.result.getWriteConcernError() === undefined;
      if (!isThere || !hasCode(error, serverErrors.duplicateKey)) throw error;
    });
    const found = await this.#partitions.findOne({});
    if (found?.madeAt.isZero() === false) return;
    throw databaseNotSupported(
      "a server that sets an empty timestamp to its time",
      "one that does not",
    );
  }

  async register(worker: WorkerSelf, ttlMs: number, sessions: readonly string[]): Promise<boolean> {
    const { worker: _id, epoch } = worker;
    const isNew = { $eq: [{ $type: "$epoch" }, "missing"] };
    const made = { _id: { $literal: _id }, epoch, ...leased(worker, ttlMs), sessions };
    await this.#makeFences(_id, sessions);
    await this.#workers.updateOne({ _id }, [{ $replaceWith: { $cond: [isNew, made, "$$ROOT"] } }], {
      upsert: true,
    });
    const found = await this.#workers.findOne({ _id });
    if (found?.epoch !== epoch) return false;
    await this.#putInForce(worker, sessions);
    return true;
  }

  /**
   * Notes a session before it has a transaction. Its fence is there first and in force last: a fence that was made
   * before the worker's epoch was raised is raised with it, and one that was made after that is never put in force,
   * wherever this process stops meanwhile.
   * @throws LockstepError `fenced`
   */
  async addSession(fence: Fence, session: string): Promise<void> {
    const { worker: _id, epoch } = fence;
    await this.#makeFences(_id, [session]);
    const noted = await this.#workers.updateOne(
      { _id, epoch },
      { $addToSet: { sessions: session } },
    );
    if (noted.matchedCount !== 1) {
      await this.#fences.deleteOne({ _id: fenceId(_id, session) });
      throw fencedOut(fence);
    }
    await this.#putInForce(fence, [session]);
  }

  async renew(worker: WorkerSelf, ttlMs: number): Promise<boolean> {
    const { worker: _id, epoch } = worker;
    const result = await this.#workers.updateOne({ _id, epoch }, [{ $set: leased(worker, ttlMs) }]);
    return result.matchedCount === 1;
  }

  /**
   * Ends the lease of a worker at its epoch, and then its right to append. It can be repeated at every point.
   * @returns whether the lease is over, with the sessions that are left to end
   */
  async expire(worker: string, epoch: number): Promise<readonly string[] | null> {
    await this.#workers.updateOne(
      { _id: worker, epoch, $expr: isFree },
      { $set: { epoch: epoch + 1 } },
    );
    const found = await this.#workers.findOne({ _id: worker });
    if (found === null) return [];
    if (found.epoch <= epoch) return null;
    return Array.isArray(found.sessions) ? found.sessions : [];
  }

  async raiseFences(worker: string, epoch: number): Promise<void> {
    await this.#fences.updateMany(
      { ...fencesOf(worker), epoch: { $lte: epoch } },
      { $set: { epoch: epoch + 1 } },
    );
  }

  /**
   * Changes the fence of a session within its transaction, so that it cannot commit once the fence was raised.
   * @throws LockstepError `fenced`
   */
  async touch(fence: Fence, session: ClientSession): Promise<void> {
    const { worker, epoch } = fence;
    const touched = await this.#fences.updateOne(
      { _id: fenceId(worker, sessionId(session)), epoch },
      { $inc: { appends: 1 } },
      { session },
    );
    if (touched.matchedCount !== 1) throw fencedOut(fence);
  }

  /** Without its fences a worker appends nothing, so the fences go first. */
  async remove(worker: string): Promise<void> {
    await this.#fences.deleteMany(fencesOf(worker));
    await this.#workers.deleteOne({ _id: worker });
  }

  async workers(): Promise<readonly WorkerRecord[]> {
    const stages = [{ $sort: { _id: 1 } }, { $set: { isExpired: isFree } }];
    const found = await this.#workers
      .aggregate<Parameters<typeof workerFromStored>[0]>(stages, { hint: "_id_" })
      .toArray();
    // Without its record, a worker that lives would seem to be gone.
    return this.#broken.readable(found, workerFromStored, ({ _id, epoch, isExpired }) => ({
      ...{ worker: _id, epoch: Number.isSafeInteger(epoch) ? epoch : 0, isExpired },
      ...{ expiresAtMs: 0, machines: [], host: "", pid: 0 },
    }));
  }

  async partitions(): Promise<readonly PartitionRecord[]> {
    const found = await this.#partitions.find({}, { hint: "_id_" }).sort({ _id: 1 }).toArray();
    return this.#broken.readable(found, partitionFromStored);
  }

  /** True where the change was made, by this call or by an earlier one whose answer was lost. */
  async assign(found: PartitionRecord, worker: string | null): Promise<boolean> {
    const { partition: _id, epoch } = found;
    const filter = { _id, worker: found.worker, epoch };
    const result = await this.#partitions.updateOne(filter, { $set: { worker, epoch: epoch + 1 } });
    return result.matchedCount === 1;
  }

  async isAssigned(partition: string, worker: string | null, epoch: number): Promise<boolean> {
    const found = await this.#partitions.findOne({ _id: partition });
    return found?.epoch === epoch && found.worker === worker;
  }

  async saveMarks(...[partition, epoch, marks]: Parameters<EngineStore["saveMarks"]>) {
    await this.#partitions.updateOne({ _id: partition, epoch }, { $set: marks });
  }

  /** Makes the fences that are missing, at an epoch that no worker has. */
  async #makeFences(worker: string, sessions: readonly string[]): Promise<void> {
    if (sessions.length === 0) return;
    const update = { $setOnInsert: { epoch: notInForce, appends: 0 } };
    await this.#fences.bulkWrite(
      sessions.map((session) => ({
        updateOne: { filter: { _id: fenceId(worker, session) }, update, upsert: true },
      })),
      { ordered: false },
    );
  }

  async #putInForce({ worker, epoch }: Fence, sessions: readonly string[]): Promise<void> {
    const ids = sessions.map((session) => fenceId(worker, session));
    await this.#fences.updateMany({ _id: { $in: ids }, epoch: notInForce }, { $set: { epoch } });
  }
}
