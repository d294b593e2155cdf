import type { Collection, Document, MongoClient } from "mongodb";
import { requireRecord } from "../journal/broken-record.ts";
import { collections, documentIds } from "../journal/store.ts";
import { limits } from "../limits.ts";
import { majority } from "../mongo/majority.ts";
import type { FaultPoints } from "../ports/fault-point.ts";

/** The stored lease: the master, and until when it is that by the database's clock. */
export interface LeaseDocument extends Document {
  _id: string;
  holder: string | null;
  incarnation: number;
  epoch: number;
  nonce: string;
  /** Milliseconds since the epoch by the primary's clock. */
  grantedAt: number;
  expiresAt: number;
  appName: string;
}

/** The time of a lease: at most one second longer than an election takes. Pure. */
export function leaseTtlFor(electionTimeoutMs: number): number {
  return electionTimeoutMs + limits.leaseMarginMs;
}

/** The set's election timeout, or the server's default where this user may not read it. */
export async function readElectionTimeoutMs(client: MongoClient): Promise<number> {
  try {
    const { config } = await client.db("admin").command({ replSetGetConfig: 1 });
    return Number(config.settings.electionTimeoutMillis);
  } catch {
    return limits.leaseTtlMsDefault - limits.leaseMarginMs;
  }
}

/** A bid for the lease. */
export interface LeaseClaim {
  readonly holder: string;
  readonly incarnation: number;
  /** A random text for each bid. */
  readonly nonce: string;
  readonly appName: string;
  readonly ttlMs: number;
}

export interface LeaseGrant {
  readonly granted: LeaseDocument;
  readonly previous: LeaseDocument;
}

export interface LeaseStore {
  /**
   * Milliseconds until the lease runs out unless it is renewed, by the database's clock. It is 0 when nobody holds
   * it.
   */
  freeInMs(): Promise<number>;
  /** Takes an expired lease by compare-and-set. Returns null when another process holds it. */
  acquire(claim: LeaseClaim): Promise<LeaseGrant | null>;
  /** Returns false when the lease is no longer ours. */
  renew(nonce: string, epoch: number, ttlMs: number): Promise<boolean>;
  /** Ends the lease at once, so that a successor need not wait. */
  release(nonce: string, epoch: number): Promise<void>;
  /** Raises the fence to our epoch. Returns false where it has a higher one. */
  raiseFence(epoch: number, holder: string): Promise<boolean>;
}

const nowMs = { $toLong: "$$NOW" };

const ttlMs = { $cond: [{ $isNumber: "$ttlMs" }, "$ttlMs", limits.leaseTtlMsDefault] };

/**
 * True for a lease that has run out. True also for one whose times lie so far ahead that an earlier primary's clock
 * must have been wrong: a holder that lives renews it within a third of its time.
 */
const isFree = {
  $or: [
    { $lte: ["$expiresAt", nowMs] },
    {
      $gt: ["$expiresAt", { $add: [nowMs, ttlMs, limits.leaseAheadMs] }],
    },
  ],
};

const filter = { _id: documentIds.master };
const unheld = {
  ...{ holder: null, incarnation: 0, nonce: "" },
  ...{ grantedAt: 0, expiresAt: 0, appName: "" },
};

interface LeaseStoreOptions {
  readonly client: MongoClient;
  /** A client of its own, so that a renewal never waits behind other work. */
  readonly renewClient: MongoClient;
  readonly databaseName: string;
  readonly faultPoints: FaultPoints;
}

/** The lease and the fence in the control database. */
export function createLeaseStore(options: LeaseStoreOptions): LeaseStore {
  return new MongoLeaseStore(options);
}

class MongoLeaseStore implements LeaseStore {
  readonly #leases: Collection<LeaseDocument>;
  readonly #renewing: Collection<LeaseDocument>;
  readonly #fences: Collection<{ _id: string; epoch: number }>;
  readonly #faultPoints: FaultPoints;

  constructor({ client, renewClient, databaseName, faultPoints }: LeaseStoreOptions) {
    this.#leases = client.db(databaseName).collection(collections.leases);
    this.#renewing = renewClient.db(databaseName).collection(collections.leases);
    this.#fences = client.db(databaseName).collection(collections.fences);
    this.#faultPoints = faultPoints;
  }

  async freeInMs(): Promise<number> {
    const left = { leftMs: { $cond: [isFree, 0, { $subtract: ["$expiresAt", nowMs] }] } };
    const found = await this.#leases.findOne<{ leftMs: number }>(filter, { projection: left });
    return Math.max(0, found?.leftMs ?? 0);
  }

  async acquire(claim: LeaseClaim): Promise<LeaseGrant | null> {
    if (!(await this.#leases.findOne(filter))) await this.#seed();
    const previous = await this.#leases.findOne(filter);
    if (!previous) return null;
    requireRecord(collections.leases, documentIds.master, previous);
    const { holder, nonce, ttlMs } = claim;
    // In a pipeline a text that begins with a dollar sign would name a field.
    const taken = { ...claim, holder: { $literal: holder }, epoch: { $add: ["$epoch", 1] } };
    try {
      await this.#faultPoints.write("lease", () =>
        this.#leases.updateOne(
          { ...filter, epoch: previous.epoch, $expr: isFree },
          [{ $set: { ...taken, grantedAt: nowMs, expiresAt: { $add: [nowMs, ttlMs] } } }],
          majority,
        ),
      );
    } catch (error) {
      // The answer may be lost. The nonce tells whether the lease is ours.
      const found = await this.#leases.findOne(filter);
      if (found?.nonce !== nonce) throw error;
    }
    const granted = await this.#leases.findOne(filter, { readConcern: { level: "majority" } });
    return granted?.nonce === nonce ? { granted, previous } : null;
  }

  async renew(nonce: string, epoch: number, ttlMs: number): Promise<boolean> {
    const result = await this.#renewing.updateOne(
      { ...filter, nonce, epoch },
      [{ $set: { expiresAt: { $add: [nowMs, ttlMs] } } }],
      majority,
    );
    return result.matchedCount === 1;
  }

  async release(nonce: string, epoch: number): Promise<void> {
    await this.#faultPoints.write("lease-release", () =>
      this.#leases.updateOne({ ...filter, nonce, epoch }, { $set: { expiresAt: 0 } }, majority),
    );
  }

  async raiseFence(epoch: number, holder: string): Promise<boolean> {
    const result = await this.#faultPoints.write("fence", () =>
      this.#fences.updateOne(
        { ...filter, epoch: { $lt: epoch } },
        { $set: { epoch, holder }, $inc: { sequence: 1 } },
        majority,
      ),
    );
    if (result.matchedCount === 1) return true;
    return (await this.#fenceEpoch()) === epoch;
  }

  /** @throws LockstepError `record-broken` */
  async #fenceEpoch(): Promise<number | undefined> {
    const found = await this.#fences.findOne(filter);
    requireRecord(collections.fences, documentIds.master, found);
    return found?.epoch;
  }

  /**
   * Makes the first lease, or replaces a deleted one. Its epochs continue the fence's, as no older epoch could act.
   */
  async #seed(): Promise<void> {
    const upsert = { upsert: true, ...majority };
    await this.#fences.updateOne(filter, { $setOnInsert: { epoch: 0, sequence: 0 } }, upsert);
    const free = { ...unheld, epoch: (await this.#fenceEpoch()) ?? 0 };
    await this.#leases.updateOne(filter, { $setOnInsert: free }, upsert);
  }
}
