import { statfs } from "node:fs/promises";
import type { MongoClient } from "mongodb";
import type { BackupsHeld } from "../../control/agents.ts";
import { backupDirectory, backupsDirectory, isUpgradeId } from "../../control/ids.ts";
import { dumpDatabase } from "../../database/backup/dump/dump.ts";
import { compareDump } from "../../database/backup/dump/verify-dump.ts";
import { measureBackups } from "../../database/backup/measure-backups.ts";
import { backupsIn, sweepBackups } from "../../database/backup/retention.ts";
import { limits } from "../../limits.ts";
import { readMemberTrouble } from "../../mongo/own-member.ts";
import type { Clock } from "../../ports/clock.ts";
import { readAgentRights } from "./agent-rights.ts";
import type { MongoDatabaseOptions } from "./mongo-options.ts";
import type { UpgradeDatabase } from "./upgrade-database.ts";

/** Reads again only after a while. Each heartbeat asks for holdings, and some of them cost commands and change seldom. */
function seldom<Found>(clock: Clock, read: () => Promise<Found>): () => Promise<Found> {
  let known: { readonly found: Found; readonly atMs: number } | undefined;
  return async () => {
    const nowMs = clock.monotonicMs();
    if (!known || nowMs - known.atMs >= limits.holdingsLookMs) {
      known = { found: await read(), atMs: nowMs };
    }
    return known.found;
  };
}

/** Measures backups again only where their names have changed, since a complete backup stays as it is. */
function measured(root: string) {
  let known: { readonly names: string; readonly figures: BackupsHeld } | undefined;
  return async (names: readonly string[]): Promise<BackupsHeld> => {
    const joined = names.join("/");
    if (known?.names !== joined) {
      known = { names: joined, figures: await measureBackups(root, names) };
    }
    return known.figures;
  };
}

/** The agent's own member, while a copy can be read from it; else the set. */
async function whereToRead(options: MongoDatabaseOptions): Promise<MongoClient> {
  const trouble = await readMemberTrouble(options);
  if (trouble === null) return options.memberClient;
  options.log.warn(
    { why: trouble.words },
    "its own member can give no copy now, so the copy is read from the set",
  );
  return options.client;
}

/** The primitives that act on this host's copies. */
export function copiesOn(options: MongoDatabaseOptions) {
  const { databaseName, faultPoints, clock, log } = options;
  const backups = backupsDirectory(options.dataDirectory);
  const directoryOf = (folder: string) => backupDirectory(options.dataDirectory, folder);
  const rightsOf = seldom(clock, () => readAgentRights(options));
  const heldOf = measured(backups);
  const troubleOf = seldom(clock, () => readMemberTrouble(options));
  return {
    async holdings() {
      const free = await statfs(options.dataDirectory).catch(() => ({ bavail: 0, bsize: 0 }));
      // Where the database does not answer, the last known rights stay in the record.
      const rights = options.role === "state-server" ? await rightsOf().catch(() => null) : null;
      const names = await backupsIn(backups).catch(() => []);
      const held = await heldOf(names).catch(() => null);
      return {
        ...(rights ? { rights } : {}),
        ...(held ? { backupsHeld: held } : {}),
        freeBytes: free.bavail * free.bsize,
        memberTrouble: (await troubleOf())?.words ?? null,
        backups: names,
      };
    },
    async dump({ backupId, ...request }) {
      return dumpDatabase({
        ...{ ...request, backupId, databaseName, faultPoints, log },
        client: await whereToRead(options),
        withMember: options.withMember,
        directory: directoryOf(backupId),
        fleet: options.controlDatabaseName,
      });
    },
    async verifyCopy(folder) {
      return { folder, ...(await compareDump(directoryOf(folder))) };
    },
    async sweepCopies(referenced) {
      const keep = limits.backupsKept;
      const swept = await sweepBackups(backups, { keep, referenced, isOurs: isUpgradeId });
      if (swept.length > 0) log.info({ swept }, "old backups deleted");
    },
  } satisfies Partial<UpgradeDatabase>;
}
