import type { MongoClient } from "mongodb";
import { LockstepError, messageOf } from "../../errors.ts";
import { limits } from "../../limits.ts";
import type { Log } from "../../log.ts";
import type { Catalogue } from "../catalogue/catalogue.ts";
import { definitionField } from "../catalogue/definition.ts";
import { storageMembers, type WithMember } from "../members.ts";
import { ifAllowed } from "../server-errors.ts";

/** The number of files that a member's process may open, and has open. */
export interface MemberFiles {
  readonly host: string;
  readonly maxFiles: number;
  /** Open files of data, or null where this user may not ask. */
  readonly openFiles: number | null;
  /** Null where this user may not ask. */
  readonly connections: number | null;
}

/** The files that a database may need. */
export interface FilesNeeded {
  /** The files of the database that is read. The server opens a file at its first use, and closes it late. */
  readonly liveFiles: number;
  /** The files that are created beside it. Files of a dropped collection stay open for minutes. */
  readonly addedFiles: number;
  /** The purpose of these files. Default: a copy, of which nothing exists yet. */
  readonly purpose?: string;
}

/** The number of files in which the server keeps a database: one for each collection and index. Pure. */
export function filesOf({ collections }: Catalogue): number {
  const files = collections
    .filter(({ type }) => type !== "view")
    .map(({ options, indexes }) => {
      // A clustered collection needs no index by _id.
      const own = definitionField(options, "clusteredIndex") === undefined ? 2 : 1;
      return own + indexes.length;
    });
  return files.reduce((sum, count) => sum + count, 0);
}

/** The most files that a member could have open after the creation. Pure. */
function peakFiles(
  { openFiles, connections }: MemberFiles,
  { liveFiles, addedFiles }: FilesNeeded,
  allFiles: number,
): number {
  // Any file may be open. Without a count this is the least, and the advice names the missing right.
  const open = openFiles ?? (Number.isFinite(allFiles) ? allFiles : limits.filesReserve);
  const data = Math.max(open, Math.min(open + liveFiles, allFiles));
  return data + addedFiles + (connections ?? limits.filesReserve) + limits.filesReserve;
}

/** The rights that would give a more exact count. Pure. */
function countingAdvice(short: readonly MemberFiles[], allFiles: number): string {
  const cluster = [
    ...(short.some(({ openFiles }) => openFiles === null) ? ["serverStatus"] : []),
    ...(Number.isFinite(allFiles) ? [] : ["listDatabases"]),
  ];
  if (cluster.length === 0) return "";
  const counted = Number.isFinite(allFiles) ? "" : " and dbStats on every database";
  return `; or grant the user ${cluster.join(" and ")} on the cluster${counted} for a more exact count`;
}

/**
 * Refuses members whose process could run out of files. A mongod that cannot open a file ends at once, and again
 * after each restart. Pure.
 * @param allFiles the files of all databases together, infinite where that is unknown
 * @throws LockstepError `files-short`, with the figures
 */
export function requireFiles(
  members: readonly MemberFiles[],
  needed: FilesNeeded,
  allFiles: number,
): void {
  const short = members
    .map((member) => ({ ...member, neededFiles: peakFiles(member, needed, allFiles) }))
    .filter(({ maxFiles, neededFiles }) => neededFiles > maxFiles);
  if (short.length === 0) return;
  const { addedFiles, purpose = "one for each collection and index of a copy" } = needed;
  const untouched = needed.purpose === undefined ? "; nothing was touched" : "";
  const words = short.map(
    ({ host, maxFiles, openFiles, neededFiles }) =>
      `${host} (may open ${maxFiles}, has ${openFiles ?? "an unknown number"} of data open, could need ${neededFiles})`,
  );
  throw new LockstepError(
    "files-short",
    `expected every mongod to be able to open ${addedFiles} files more, ${purpose}, too few on: ${words.join(", ")}: raise the limit of open files there (\`ulimit -n\`, or LimitNOFILE of its systemd unit), restart it, then try again${countingAdvice(short, allFiles)}${untouched}`,
    {
      addedFiles,
      short: short.map(({ host, maxFiles, openFiles, neededFiles }) => ({
        ...{ host, maxFiles, openFiles, neededFiles },
      })),
    },
  );
}

async function askMember(member: MongoClient, host: string): Promise<MemberFiles> {
  const admin = member.db("admin");
  const info = await ifAllowed(admin.command({ hostInfo: 1 }));
  const extra = info?.["extra"];
  // Servers report it in different places.
  const maxFiles = Number(extra?.maxOpenFiles ?? extra?.extra?.maxOpenFiles ?? 0);
  const status = await ifAllowed(admin.command({ serverStatus: 1 }));
  const openFiles = status?.["wiredTiger"]?.connection?.["files currently open"];
  return {
    host,
    // A process without a limit reports zero or less.
    maxFiles: maxFiles > 0 ? maxFiles : Number.POSITIVE_INFINITY,
    openFiles: openFiles === undefined ? null : Number(openFiles),
    connections: status === null ? null : Number(status["connections"]?.current ?? 0),
  };
}

interface Asking {
  readonly client: MongoClient;
  readonly withMember: WithMember;
  readonly log: Log;
}

async function readMemberFiles({ client, withMember, log }: Asking): Promise<MemberFiles[]> {
  const hosts = await storageMembers(client);
  const found = await Promise.all(
    hosts.map((host) =>
      withMember(host, (member) => askMember(member, host)).catch((error: unknown) => {
        log.warn({ host, error: messageOf(error) }, "this member's open files are not known");
        return null;
      }),
    ),
  );
  return found.filter((member) => member !== null);
}

/** The number of files in which the server keeps a database that is there. */
export async function countFiles(client: MongoClient, databaseName: string): Promise<number> {
  const stats = await client.db(databaseName).command({ dbStats: 1 });
  return Number(stats["collections"]) + Number(stats["indexes"]);
}

/** The files of all databases, or infinite where this user may not count them. */
async function countAllFiles(client: MongoClient): Promise<number> {
  // Without the right to see all databases a server would list only this user's.
  const listed = await ifAllowed(
    client.db("admin").command({ listDatabases: 1, nameOnly: true, authorizedDatabases: false }),
  );
  if (listed === null) return Number.POSITIVE_INFINITY;
  let files = 0;
  for (const { name } of listed["databases"] as readonly { name: string }[]) {
    const stats = await ifAllowed(client.db(name).command({ dbStats: 1 }));
    if (stats === null) return Number.POSITIVE_INFINITY;
    files += Number(stats["collections"]) + Number(stats["indexes"]);
  }
  return files;
}

/**
 * Asks each reachable member whether its process can open the files that will be created.
 * @throws LockstepError `files-short`
 */
export async function requireFilesForCopy(asking: Asking, needed: FilesNeeded): Promise<void> {
  const members = await readMemberFiles(asking);
  if (members.every(({ openFiles }) => openFiles !== null)) {
    try {
      return requireFiles(members, needed, Number.POSITIVE_INFINITY);
    } catch {
      // All databases are counted only where it matters, since there may be many.
    }
  }
  requireFiles(members, needed, await countAllFiles(asking.client));
}
