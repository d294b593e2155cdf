/** The fields of a `$currentOp` entry that are used here. */
export interface Operation {
  readonly opid?: number;
  readonly ns?: string;
  /** The name of its command, or of a write's kind: `find`, `aggregate`, `update`. */
  readonly command?: string;
  /** The last stage of its pipeline. */
  readonly lastStage?: Readonly<Record<string, unknown>>;
  /** The collection that is renamed, and its new name. */
  readonly renames?: readonly unknown[];
  /** True while the server works on it. An open transaction may be idle. */
  readonly active: boolean;
  readonly isTransaction: boolean;
  readonly session?: { readonly id: unknown; readonly uid?: unknown };
  /** The session's id as text. */
  readonly sessionText?: string;
  readonly appName?: string;
  readonly client?: string;
  readonly desc?: string;
  readonly user?: string;
}

/** Commands that only read. Every other command counts as a write. */
const readingCommands: ReadonlySet<string> = new Set([
  ...["find", "getMore", "aggregate", "count", "distinct", "explain", "killCursors"],
  ...["listCollections", "listIndexes", "dbStats", "collStats", "dataSize", "dbHash", "validate"],
  ...["hello", "ismaster", "isMaster", "ping", "connectionStatus", "filemd5", "getLastError"],
]);

const ownAppName = "lockstep:";

/** The sessions that hold a lock on a database, by the server's text for it (`lockInfo`). */
export interface HeldLocks {
  readonly here: ReadonlySet<string>;
  readonly elsewhere: ReadonlySet<string>;
}

/** One resource of `lockInfo`. */
export interface LockedResource {
  readonly resourceId: string;
  readonly granted: readonly { readonly debugInfo?: string }[];
}

/** Reads which sessions use this database, and which use another one. Pure. */
export function heldLocks(resources: readonly LockedResource[], databaseName: string): HeldLocks {
  const held = { here: new Set<string>(), elsewhere: new Set<string>() };
  for (const { resourceId, granted } of resources) {
    const name = /^\{\d+: Database, \d+, (.*)\}$/.exec(String(resourceId))?.[1];
    if (name === undefined) continue;
    for (const { debugInfo } of granted) {
      const session = /lsid: \{ id: UUID\("([0-9a-f-]{36})"\)/.exec(String(debugInfo))?.[1];
      if (session) (name === databaseName ? held.here : held.elsewhere).add(session);
    }
  }
  return held;
}

/** The database into which an aggregation writes, or undefined for one that only reads. Pure. */
function outputDatabase({ lastStage = {}, ns = "" }: Operation): string | undefined {
  const own = ns.slice(0, ns.indexOf("."));
  const { $out, $merge } = lastStage as { $out?: unknown; $merge?: unknown };
  const target =
    $out ?? (typeof $merge === "string" ? $merge : ($merge as { into?: unknown })?.into);
  if (target === undefined) return undefined;
  return typeof target === "string" ? own : String((target as { db?: unknown }).db ?? own);
}

/**
 * True for an operation that can still write to the database. An open transaction can, since the server does not say
 * what it has done so far. An idle one names no database, but its locks do. Where they are unknown, it counts. Pure.
 */
export function canWrite(operation: Operation, databaseName: string, locks: HeldLocks): boolean {
  const { ns = "", command = "", sessionText = "", renames = [] } = operation;
  const isHere = ns.startsWith(`${databaseName}.`);
  if (operation.isTransaction) {
    if (isHere || locks.here.has(sessionText)) return true;
    if (operation.active || locks.elsewhere.has(sessionText)) return false;
    // Lockstep's own transactions of this moment change its control data only.
    return !operation.appName?.startsWith(ownAppName);
  }
  // Without a client, and no index build: the server replicates or cleans up.
  if (operation.client === undefined && !operation.desc?.startsWith("IndexBuild")) return false;
  if (command === "aggregate") return outputDatabase(operation) === databaseName;
  const isRenamed = renames.some((name) => String(name).startsWith(`${databaseName}.`));
  return isRenamed || (isHere && command !== "" && !readingCommands.has(command));
}

/** An operation in words: its client, its kind and its origin. Pure. */
export function operationText(operation: Operation): string {
  const { appName = "an unnamed client", client, user, command = "", ns } = operation;
  const from = [client, user && `user ${user}`].filter(Boolean).join(", ");
  const what = operation.isTransaction ? "an open transaction" : `${command} on ${ns}`;
  return `${appName}${from === "" ? "" : ` (${from})`}: ${what}`;
}
