import { statfs } from "node:fs/promises";
import { readMemberTrouble } from "../database/own-member.ts";
import { backupsIn } from "../database/retention.ts";
import { type Lacking, readLacking } from "../database/rights.ts";
import type { EffectHandler } from "../engine/engine.ts";
import { limits } from "../limits.ts";
import { systemClock } from "../ports/clock.ts";
import type { Holdings } from "./agents.ts";
import { dumpCopy, sweepOldBackups } from "./backup-effects.ts";
import { coordinatorEffects } from "./coordinator-effects.ts";
import { backupsDirectory } from "./names.ts";
import { type ExtraCopy, preflightUpgrade } from "./preflight-upgrade.ts";
import type { Connections, DatabaseWorld, World } from "./world.ts";

/** What an agent does with the application's data and its own copies of it: a port. */
export interface DatabaseSide {
  /** The effects of `machines/upgrade.ts`, by name. */
  coordinatorEffects(world: World): Readonly<Record<string, EffectHandler>>;
  /** The effect by which a state server takes its copy. */
  dumpCopy(world: World): EffectHandler;
  /** Deletes copies that nobody needs any more. */
  sweepBackups(world: World, upgrade: string): Promise<void>;
  /** Refuses by name what cannot be upgraded; answers with what an operator should know. */
  preflight(world: World, extra: ExtraCopy): Promise<readonly string[]>;
  /**
   * Bytes free where copies go, the ids of those that are there, how the agent's own member is, and which rights a
   * state server's user lacks.
   */
  holdings(world: Pick<World, "dataDirectory" | "role">): Promise<Holdings>;
}

/** The real one, on MongoDB and this host's disk. */
export function createDatabaseSide(connections: Connections): DatabaseSide {
  // Whether an agent is master changes: a copy of the world would not.
  const joined = (world: World): DatabaseWorld =>
    Object.defineProperties({ ...connections } as DatabaseWorld, {
      ...Object.getOwnPropertyDescriptors(world),
    });
  let known: { readonly rights: Lacking; readonly atMs: number } | undefined;
  /** Rights change seldom, and holdings are asked for with each heartbeat. */
  const readRights = async (): Promise<Lacking | undefined> => {
    const nowMs = systemClock.monotonicMs();
    if (known && nowMs - known.atMs < limits.rightsLookMs) return known.rights;
    try {
      known = {
        rights: await readLacking(connections.client, "upgrade", connections),
        atMs: nowMs,
      };
    } catch {
      // The database does not answer: the last known rights stay in the record.
      return undefined;
    }
    return known.rights;
  };
  return {
    coordinatorEffects: (world) => coordinatorEffects(joined(world)),
    dumpCopy: (world) => dumpCopy(joined(world)),
    sweepBackups: (world, upgrade) => sweepOldBackups(joined(world), upgrade),
    preflight: (world, extra) => preflightUpgrade(joined(world), extra),
    async holdings({ dataDirectory, role }) {
      const free = await statfs(dataDirectory).catch(() => ({ bavail: 0, bsize: 0 }));
      const rights = role === "state-server" ? await readRights() : undefined;
      return {
        ...(rights ? { rights } : {}),
        freeBytes: free.bavail * free.bsize,
        memberTrouble: (await readMemberTrouble(connections))?.words ?? null,
        backups: await backupsIn(backupsDirectory(dataDirectory)).catch(() => []),
      };
    },
  };
}
