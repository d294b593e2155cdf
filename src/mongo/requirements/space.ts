import type { MongoClient } from "mongodb";
import { LockstepError, messageOf } from "../../errors.ts";
import { limits } from "../../limits.ts";
import type { Log } from "../../log.ts";
import { storageMembers, type WithMember } from "../members.ts";

/** The size of a database, by `dbStats`. */
export interface DatabaseSize {
  readonly dataSizeBytes: number;
  readonly storageSizeBytes: number;
  readonly indexSizeBytes: number;
}

/** Bytes that have to be free before anything is written. Pure. */
export interface SpaceNeeded {
  /** On each agent's disk, for its copy. */
  readonly agentBytes: number;
  /** On each member's disk: the scratch copy, the migration, then a restore; each with its oplog. */
  readonly memberBytes: number;
  /** On each member's disk once the migration has begun: for the restore alone. */
  readonly restoreBytes: number;
}

/** From measurements: a rewritten collection takes 1.5 of its data, a copy its storage and oplog. Pure. */
export function spaceNeeded(size: DatabaseSize): SpaceNeeded {
  const { dataSizeBytes, storageSizeBytes, indexSizeBytes } = size;
  const restoreBytes = storageSizeBytes + indexSizeBytes + dataSizeBytes + limits.spaceMarginBytes;
  return {
    agentBytes: Math.ceil(1.1 * dataSizeBytes) + limits.spaceMarginBytes,
    // The scratch copy is dropped before the migration begins, but its room comes back later.
    memberBytes: Math.ceil(1.5 * dataSizeBytes) + 2 * restoreBytes,
    restoreBytes,
  };
}

export async function databaseSize(
  client: MongoClient,
  databaseName: string,
): Promise<DatabaseSize> {
  const stats = await client.db(databaseName).command({ dbStats: 1 });
  return {
    dataSizeBytes: Number(stats["dataSize"]),
    storageSizeBytes: Number(stats["storageSize"]),
    indexSizeBytes: Number(stats["indexSize"]),
  };
}

/** The bytes of a disk that a database takes. Pure. */
export function occupied({ storageSizeBytes, indexSizeBytes }: DatabaseSize): number {
  return storageSizeBytes + indexSizeBytes;
}

/** The space on the disk of one member's data, by that member. */
export interface MemberSpace {
  readonly host: string;
  readonly freeBytes: number;
  readonly totalBytes: number;
}

/** Asks each member that can be reached; one that is away is told in the log. */
export async function readMemberSpace(options: {
  client: MongoClient;
  databaseName: string;
  withMember: WithMember;
  log: Log;
}): Promise<readonly MemberSpace[]> {
  const ask = async (host: string): Promise<MemberSpace> => {
    const stats = await options.withMember(host, (member) =>
      member
        .db(options.databaseName)
        .command({ dbStats: 1 }, { readPreference: "secondaryPreferred" }),
    );
    const totalBytes = Number(stats["fsTotalSize"] ?? 0);
    return { host, totalBytes, freeBytes: totalBytes - Number(stats["fsUsedSize"] ?? 0) };
  };
  const hosts = await storageMembers(options.client);
  const found = await Promise.all(
    hosts.map((host) =>
      ask(host).catch((error: unknown) => {
        options.log.warn({ host, error: messageOf(error) }, "this member's space is not known");
        return null;
      }),
    ),
  );
  return found.filter((member) => member !== null);
}

/**
 * Refuses to load a copy by hand onto members that have no room for it and its oplog.
 * @throws LockstepError `disk-full`, with the figures
 */
export async function requireRoomForCopy(
  options: { client: MongoClient; withMember: WithMember; log: Log },
  neededBytes: number,
): Promise<void> {
  // Of a database that is always there: the one to be loaded is not.
  requireMemberSpace(await readMemberSpace({ ...options, databaseName: "admin" }), neededBytes);
}

/**
 * How many bytes the oplog holds at most; null where that may not be asked.
 * What is read here bounds how long a member may be away, and how far back foreign writes are found.
 */
export async function readOplogBytes(client: MongoClient): Promise<number | null> {
  const stats = await client
    .db("local")
    .command({ collStats: "oplog.rs" })
    .catch(() => null);
  return stats === null ? null : Number(stats["maxSize"]);
}

/** Says what a short oplog costs, or nothing where it is long enough. Pure. */
export function oplogWarning(oplogBytes: number | null, size: DatabaseSize): string | null {
  const neededBytes = limits.oplogFactor * size.dataSizeBytes;
  if (oplogBytes === null || oplogBytes >= neededBytes) return null;
  return `the oplog holds ${oplogBytes} bytes, ${neededBytes} would be safe: a member that is away meanwhile may need an initial sync, and foreign writes may not be found out`;
}

/** Members on one machine with one size of disk share it: what they need adds up. Pure. */
function sharers(all: readonly MemberSpace[], one: MemberSpace): number {
  const machine = ({ host }: MemberSpace) => host.slice(0, host.lastIndexOf(":"));
  return all.filter(
    (other) => machine(other) === machine(one) && other.totalBytes === one.totalBytes,
  ).length;
}

/** The bytes of a disk that always stay free. Pure. */
function reserveOf({ totalBytes }: MemberSpace): number {
  return Math.min(totalBytes * limits.spaceReserveFraction, limits.spaceReserveBytesMax);
}

/**
 * Refuses members with too little room. Pure.
 * @throws LockstepError `disk-full`, with the figures
 */
export function requireMemberSpace(members: readonly MemberSpace[], neededBytes: number): void {
  const short = members.filter((member) => {
    // A database that is not there yet has no disk: nothing to copy, nothing to refuse.
    if (member.totalBytes === 0) return neededBytes > 2 * limits.spaceMarginBytes;
    return member.freeBytes - reserveOf(member) < neededBytes * sharers(members, member);
  });
  if (short.length === 0) return;
  const words = short.map(({ host, freeBytes, totalBytes }) =>
    totalBytes === 0 ? `${host} (does not tell)` : `${host} (${freeBytes} of ${totalBytes})`,
  );
  throw new LockstepError(
    "disk-full",
    `expected ${neededBytes} bytes free for each member beyond a reserve of its disk, too few on: ${words.join(", ")}: make room there, then try again`,
    { neededBytes, short: short.map(({ host, freeBytes }) => ({ host, freeBytes })) },
  );
}
