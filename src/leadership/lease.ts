import type { Collection, Document, MongoClient } from "mongodb";
import { limits } from "../limits.ts";
import type { Seam } from "../ports/seam.ts";
import { collections, documentIds } from "../store/store.ts";

/** The lease as stored: who is master until when, by the database's clock. */
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

/** At most one second longer than an election takes. Pure. */
export function leaseTtlFor(electionTimeoutMs: number): number {
  return electionTimeoutMs + limits.leaseMarginMs;
}

/** The set's election timeout; the server's default where it may not be read. */
export async function readElectionTimeoutMs(client: MongoClient): Promise<number> {
  try {
    const { config } = await client.db("admin").command({ replSetGetConfig: 1 });
    return Number(config.settings.electionTimeoutMillis);
  } catch {
    return limits.leaseTtlMsDefault - limits.leaseMarginMs;
  }
}

export interface LeaseStore {
  /** Milliseconds until it runs out unless it is renewed, by the database's clock; 0 when nobody holds it. */
  freeInMs(): Promise<number>;
  /** Takes an expired lease by compare-and-set; null when somebody else holds it. */
  acquire(claim: {
    holder: string;
    incarnation: number;
    nonce: string;
    appName: string;
    ttlMs: number;
  }): Promise<{ granted: LeaseDocument; previous: LeaseDocument } | null>;
  /** False when it is not ours any more. */
  renew(nonce: string, epoch: number, ttlMs: number): Promise<boolean>;
  /** Ends it at once, so that a successor need not wait. */
  release(nonce: string, epoch: number): Promise<void>;
  /** Raises the fence to our epoch; false when a higher one stands there. */
  raiseFence(epoch: number, holder: string): Promise<boolean>;
}

const nowMs = { $toLong: "$$NOW" };

/**
 * Run out; or granted by the clock of an earlier primary that was so far ahead that it could not have been
 * granted by now (a holder that lives renews it within a third of its time).
 */
const isFree = {
  $or: [
    { $lte: ["$expiresAt", nowMs] },
    {
      $gt: [
        "$expiresAt",
        { $add: [nowMs, { $ifNull: ["$ttlMs", limits.leaseTtlMsDefault] }, limits.leaseAheadMs] },
      ],
    },
  ],
};

/** The lease and the fence in the control database. */
export function createLeaseStore(options: {
  client: MongoClient;
  renewClient: MongoClient;
  databaseName: string;
  seam: Seam;
}): LeaseStore {
  const { seam } = options;
  const leasesOf = (client: MongoClient): Collection<LeaseDocument> =>
    client.db(options.databaseName).collection<LeaseDocument>(collections.leases);
  const leases = leasesOf(options.client);
  const renewing = leasesOf(options.renewClient);
  const fences = options.client
    .db(options.databaseName)
    .collection<{ _id: string; epoch: number }>(collections.fences);
  const majority = { writeConcern: { w: "majority", journal: true } } as const;
  const filter = { _id: documentIds.master };
  let seeded = false;

  const seed = async () => {
    if (seeded) return;
    const free = {
      holder: null,
      incarnation: 0,
      epoch: 0,
      nonce: "",
      grantedAt: 0,
      expiresAt: 0,
      appName: "",
    };
    await leases.updateOne(filter, { $setOnInsert: free }, { upsert: true, ...majority });
    await fences.updateOne(
      filter,
      { $setOnInsert: { epoch: 0, sequence: 0 } },
      { upsert: true, ...majority },
    );
    seeded = true;
  };

  return {
    async freeInMs() {
      const left = { leftMs: { $cond: [isFree, 0, { $subtract: ["$expiresAt", nowMs] }] } };
      const found = await leases.findOne<{ leftMs: number }>(filter, { projection: left });
      return Math.max(0, found?.leftMs ?? 0);
    },
    async acquire({ holder, incarnation, nonce, appName, ttlMs }) {
      await seed();
      const previous = await leases.findOne(filter);
      if (!previous) return null;
      try {
        await seam.write("lease", () =>
          leases.updateOne(
            { ...filter, epoch: previous.epoch, $expr: isFree },
            [
              {
                $set: {
                  holder,
                  incarnation,
                  nonce,
                  appName,
                  epoch: { $add: ["$epoch", 1] },
                  grantedAt: nowMs,
                  ttlMs,
                  expiresAt: { $add: [nowMs, ttlMs] },
                },
              },
            ],
            majority,
          ),
        );
      } catch (error) {
        // The answer may be lost: the nonce tells whether the lease is ours.
        const found = await leases.findOne(filter);
        if (found?.nonce !== nonce) throw error;
      }
      const granted = await leases.findOne(filter, { readConcern: { level: "majority" } });
      return granted?.nonce === nonce ? { granted, previous } : null;
    },
    async renew(nonce, epoch, ttlMs) {
      const result = await renewing.updateOne(
        { ...filter, nonce, epoch },
        [{ $set: { expiresAt: { $add: [nowMs, ttlMs] } } }],
        majority,
      );
      return result.matchedCount === 1;
    },
    async release(nonce, epoch) {
      await seam.write("lease-release", () =>
        leases.updateOne({ ...filter, nonce, epoch }, { $set: { expiresAt: 0 } }, majority),
      );
    },
    async raiseFence(epoch, holder) {
      const result = await seam.write("fence", () =>
        fences.updateOne(
          { ...filter, epoch: { $lt: epoch } },
          { $set: { epoch, holder }, $inc: { sequence: 1 } },
          majority,
        ),
      );
      if (result.matchedCount === 1) return true;
      return (await fences.findOne(filter))?.epoch === epoch;
    },
  };
}
