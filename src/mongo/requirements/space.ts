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

/** The bytes that have to be free before anything is written. */
export interface SpaceNeeded {
  /** Bytes on each agent's disk, for its copy. */
  readonly agentBytes: number;
  /** Bytes on each member's disk: for the scratch copy, the migration, then a restore, each with its oplog. */
  readonly memberBytes: number;
  /** Bytes on each member's disk once the migration has begun, for the restore alone. */
  readonly restoreBytes: number;
}

/**
 * The needed bytes, by measurements: a rewritten collection takes 1.5 times its data, and a copy takes its storage
 * and its oplog. Pure.
 */
export function spaceNeeded(size: DatabaseSize): SpaceNeeded {
  const { dataSizeBytes, storageSizeBytes, indexSizeBytes } = size;
  const restoreBytes = storageSizeBytes + indexSizeBytes + dataSizeBytes + limits.spaceMarginBytes;
  return {
    agentBytes: Math.ceil(1.1 * dataSizeBytes) + limits.spaceMarginBytes,
    // The scratch copy is dropped before the migration, but its room is freed later.
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

/** The bytes that a database takes on a disk. Pure. */
export function occupied({ storageSizeBytes, indexSizeBytes }: DatabaseSize): number {
  return storageSizeBytes + indexSizeBytes;
}

/** The space on the disk of a member's data, as that member reports it. */
export interface MemberSpace {
  readonly host: string;
  readonly freeBytes: number;
  readonly totalBytes: number;
}

/** Asks each reachable member. The log names the others. */
export async function readMemberSpace(options: {
  client: MongoClient;
  databaseName: string;
  withMember: WithMember;
  log: Log;
}): Promise<readonly MemberSpace[]> {
  const ask = async (host: string): Promise<MemberSpace> => {
    const stats = await options.withMember(host, async (member) => {
      const statsOf = (name: string) =>
        member.db(name).command({ dbStats: 1 }, { readPreference: "secondaryPreferred" });
      const own = await statsOf(options.databaseName);
      // A delayed member may not have the database yet, and then says nothing of its disk.
      return Number(own["fsTotalSize"] ?? 0) === 0 ? statsOf("admin").catch(() => own) : own;
    });
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
 * Refuses to load a copy by hand onto members without room for it and its oplog.
 * @throws LockstepError `disk-full`, with the figures
 */
export async function requireRoomForCopy(
  options: { client: MongoClient; withMember: WithMember; log: Log },
  neededBytes: number,
): Promise<void> {
  // The database that will be loaded does not exist yet, so another one stands for its disk.
  requireMemberSpace(await readMemberSpace({ ...options, databaseName: "admin" }), neededBytes);
}

/**
 * The size limit of the oplog in bytes, or null where this user may not ask. It bounds how long a member may be away,
 * and how far back foreign writes are found.
 */
export async function readOplogBytes(client: MongoClient): Promise<number | null> {
  const stats = await client
    .db("local")
    .command({ collStats: "oplog.rs" })
    .catch(() => null);
  return stats === null ? null : Number(stats["maxSize"]);
}

/** Warns about a short oplog, or returns nothing. Pure. */
export function oplogWarning(oplogBytes: number | null, size: DatabaseSize): string | null {
  const neededBytes = limits.oplogFactor * size.dataSizeBytes;
  if (oplogBytes === null || oplogBytes >= neededBytes) return null;
  return `the oplog holds ${oplogBytes} bytes, and ${neededBytes} would be safe: a member that is away may need an initial sync, and foreign writes may stay undetected`;
}

/** The number of members that share a disk: those on one machine with a disk of the same size. Pure. */
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
    // A database that does not exist yet has no disk, so nothing is copied and nothing refused.
    if (member.totalBytes === 0) return neededBytes > 2 * limits.spaceMarginBytes;
    return member.freeBytes - reserveOf(member) < neededBytes * sharers(members, member);
  });
  if (short.length === 0) return;
  const words = short.map(({ host, freeBytes, totalBytes }) =>
    totalBytes === 0 ? `${host} (reports no disk)` : `${host} (${freeBytes} of ${totalBytes})`,
  );
  throw new LockstepError(
    "disk-full",
    `expected ${neededBytes} bytes free for each member beyond a reserve of its disk, too few on: ${words.join(", ")}: make room there, then try again`,
    { neededBytes, short: short.map(({ host, freeBytes }) => ({ host, freeBytes })) },
  );
}
