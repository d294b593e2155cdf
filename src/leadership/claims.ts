import { hostname } from "node:os";
import type { Collection, Document, MongoClient, UpdateOptions } from "mongodb";
import { LockstepError, messageOf } from "../errors.ts";
import { limits } from "../limits.ts";
import type { Log } from "../log.ts";
import { claimsCollectionName, sharedDatabaseName } from "../mongo/database-names.ts";
import { majority } from "../mongo/majority.ts";
import type { Clock } from "../ports/clock.ts";
import type { FaultPoints } from "../ports/fault-point.ts";
import { systemRandom } from "../ports/random.ts";
import { type Fenced, writeFenced } from "./fenced-transaction.ts";

/** A collection that the owner of a claim has begun to create. */
export interface Created {
  readonly name: string;
  readonly type: string;
  /**
   * UUID of the collection that holds the data, or empty for a view. It is null until the collection is known to be
   * created.
   */
  readonly uuid: string | null;
}

/** The claim of one process on a database. */
export interface ClaimDocument extends Document {
  /** The database's name in lower case, as the server refuses two names that differ in case only. */
  readonly _id: string;
  readonly name: string;
  /** A random id. It tells owners apart that are equal in everything else. */
  readonly owner: string;
  readonly purpose: string;
  /** The control database of the fleet that it is for. */
  readonly fleet: string;
  readonly host: string;
  readonly pid: number;
  /** Epoch of the master that owns it. It is null for a command, whose claim lives by a lease. */
  readonly epoch: number | null;
  /** The moment of the claim, by the database's clock. */
  readonly since: Date;
  /** Milliseconds by the database's clock at which the lease runs out. It is null for a master's claim. */
  readonly expiresAt: number | null;
  readonly created: readonly Created[];
}

/** A claim as it was read. The database's clock decides whether its lease has run out. */
export type SeenClaim = ClaimDocument & { readonly isExpired: boolean };

export interface ClaimOptions {
  readonly client: MongoClient;
  /** The database that is claimed. */
  readonly name: string;
  readonly purpose: string;
  /** The control database of the fleet that it is for. */
  readonly fleet: string;
  /** The fence of the master that claims it. A command has none. */
  readonly fenced?: Fenced;
  readonly faultPoints: FaultPoints;
  readonly clock: Clock;
  readonly log: Log;
}

/** A claim as its owner holds it. */
export interface Claim {
  readonly name: string;
  /** A filter that finds the claim while this owner has it. */
  readonly key: { readonly _id: string; readonly owner: string };
  /** Aborts once another process is known to have taken the claim over. */
  readonly signal: AbortSignal;
  /**
   * Changes the claim in the database. Only its owner can.
   * @throws LockstepError `conflict`
   */
  hold(change?: Document, options?: UpdateOptions): Promise<void>;
  /**
   * Ends the claim and frees the name.
   * @throws LockstepError `conflict` where it was another's already
   */
  release(): Promise<void>;
  /** Stops renewing the claim and leaves it there. The next owner clears the remains. */
  abandon(): void;
}

const nowMs = { $toLong: "$$NOW" };

/** True for a lease that has run out, or that an earlier primary granted by a clock that was too far ahead. */
const isExpired = {
  $or: [
    { $lte: ["$expiresAt", nowMs] },
    { $gt: ["$expiresAt", { $add: [nowMs, limits.claimTtlMs, limits.leaseAheadMs] }] },
  ],
};

export function claimsOf(client: MongoClient): Collection<ClaimDocument> {
  return client.db(sharedDatabaseName).collection<ClaimDocument>(claimsCollectionName);
}

/** The claims on databases, as a majority has them. */
export function readClaims(
  client: MongoClient,
  names: readonly string[],
): Promise<readonly SeenClaim[]> {
  return claimsWhere(client, { _id: { $in: names.map((name) => name.toLowerCase()) } });
}

/** All claims for one fleet, by its control database, as a majority has them. */
export function readFleetClaims(client: MongoClient, fleet: string): Promise<readonly SeenClaim[]> {
  return claimsWhere(client, { fleet });
}

function claimsWhere(client: MongoClient, match: Document): Promise<SeenClaim[]> {
  return claimsOf(client)
    .aggregate<SeenClaim>(
      [
        { $match: match },
        { $set: { isExpired: { $and: [{ $eq: ["$epoch", null] }, isExpired] } } },
      ],
      { readConcern: { level: "majority" }, readPreference: "primary" },
    )
    .toArray();
}

/**
 * True where the owner is proven dead, since its lease has run out or a successor has raised its fleet's fence. Pure.
 * @param deposedEpoch masters of the fleet up to this epoch are deposed
 */
export function isOver(claim: SeenClaim, fleet: string, deposedEpoch: number): boolean {
  if (claim.epoch === null) return claim.isExpired;
  return claim.fleet === fleet && claim.epoch <= deposedEpoch;
}

/** Describes a claim: its owner and its purpose. Pure. */
export function claimText({ name, purpose, host, pid, fleet, since, epoch }: SeenClaim): string {
  const owner = epoch === null ? `process ${pid}` : `the master of epoch ${epoch} (process ${pid})`;
  return `"${name}" by ${owner} on ${host} for ${purpose} (${fleet}), since ${since.toISOString()}`;
}

function lost(name: string): LockstepError {
  return new LockstepError(
    "conflict",
    `expected the claim on "${name}" to belong to this process, but another one has taken it over, since this one was silent for too long: run the command again`,
    { databaseName: name },
  );
}

/** One compare-and-set, from no claim or from the one that was seen. */
async function write(
  options: ClaimOptions,
  seen: SeenClaim | undefined,
  owner: string,
): Promise<void> {
  const { client, name, purpose, fleet, fenced } = options;
  const filter: Document = {
    _id: name.toLowerCase(),
    owner: seen?.owner ?? { $exists: false },
    ...(seen?.epoch === null ? { $expr: isExpired } : {}),
  };
  const epoch = fenced?.mastership.epoch ?? null;
  const literals = { name, owner, purpose, fleet, host: hostname(), pid: process.pid, epoch };
  const pipeline = [
    {
      $set: {
        ...Object.fromEntries(
          Object.entries(literals).map(([field, value]) => [field, { $literal: value }]),
        ),
        since: "$$NOW",
        expiresAt: epoch === null ? { $add: [nowMs, limits.claimTtlMs] } : null,
        created: { $ifNull: ["$created", []] },
      },
    },
  ];
  const upsert = seen === undefined;
  const claims = claimsOf(client);
  await options.faultPoints.write("claim", async () => {
    if (fenced) {
      await writeFenced(fenced, (session) =>
        claims.updateOne(filter, pipeline, { upsert, session }),
      );
    } else await claims.updateOne(filter, pipeline, { upsert, ...majority });
  });
}

/**
 * Claims a database for one process. The name is a unique key, so only one of two processes succeeds.
 * @param seen the claim that is there and over, or undefined where there is none
 * @returns null where another process was first
 */
export async function takeClaim(
  options: ClaimOptions,
  seen: SeenClaim | undefined,
): Promise<Claim | null> {
  const { client, name, clock, log } = options;
  const owner = systemRandom.hex(12);
  const claims = claimsOf(client);
  const key = { _id: name.toLowerCase(), owner };
  const read = () => claims.findOne(key, { readConcern: { level: "majority" } });
  try {
    await write(options, seen, owner);
  } catch (error) {
    // The answer may be lost. The random id tells whether the claim is ours.
    if (!(await read()) && (error as { code?: unknown }).code !== 11_000) throw error;
  }
  if (!(await read())) return null;
  const [over, losing] = [new AbortController(), new AbortController()];
  const change = async (update: Document, how: UpdateOptions = {}): Promise<void> => {
    const changed = await claims.updateOne(key, update, { ...how, ...majority });
    if (changed.matchedCount === 1 || over.signal.aborted) return;
    losing.abort(lost(name));
    throw lost(name);
  };
  const renew = async (): Promise<void> => {
    while (!over.signal.aborted && !losing.signal.aborted) {
      await clock.sleep(limits.claimTtlMs / limits.leaseRenewFraction, over.signal);
      if (over.signal.aborted) return;
      const renewal = [{ $set: { expiresAt: { $add: [nowMs, limits.claimTtlMs] } } }];
      await change(renewal as unknown as Document).catch((error: unknown) => {
        if (over.signal.aborted) return;
        log.warn({ claim: name, error: messageOf(error) }, "a claim could not be renewed");
      });
    }
  };
  if (!options.fenced) void renew();
  return {
    name,
    key,
    signal: losing.signal,
    // The update must change something: a member that is no longer primary could not confirm it.
    hold: (update = { $inc: { looks: 1 } }, how) => change(update, how),
    async release() {
      over.abort();
      const released = await options.faultPoints.write("claim-release", () =>
        claims.deleteOne(key, majority),
      );
      if (released.deletedCount !== 1) throw lost(name);
    },
    abandon: () => over.abort(),
  };
}
