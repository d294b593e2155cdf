import { statfs } from "node:fs/promises";
import type { Holdings } from "../control/agents.ts";
import { backupsDirectory } from "../control/names.ts";
import { backupsIn } from "../database/backup/retention.ts";
import type { EffectHandler } from "../engine/engine.ts";
import { limits } from "../limits.ts";
import { readMemberTrouble } from "../mongo/own-member.ts";
import type { Clock } from "../ports/clock.ts";
import { readAgentRights } from "./coordinator/agent-rights.ts";
import { coordinatorEffects } from "./coordinator/coordinator-effects.ts";
import { type ExtraCopy, preflightUpgrade } from "./coordinator/preflight-upgrade.ts";
import { dumpCopy, sweepOldBackups } from "./participant/backup-effects.ts";
import type { Connections, DatabaseWorld, World } from "./world.ts";

/** An agent's work on the application's data and on its own copies of it: a port. */
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

/** Holdings are asked for with each heartbeat: what changes seldom, and costs commands, is read less often. */
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

/** The real one, on MongoDB and this host's disk. */
export function createDatabaseSide(connections: Connections, clock: Clock): DatabaseSide {
  const joined = (world: World): DatabaseWorld => ({ ...connections, ...world });
  const rightsOf = seldom(clock, () => readAgentRights(connections));
  const troubleOf = seldom(clock, () => readMemberTrouble(connections));
  return {
    coordinatorEffects: (world) => coordinatorEffects(joined(world)),
    dumpCopy: (world) => dumpCopy(joined(world)),
    sweepBackups: (world, upgrade) => sweepOldBackups(joined(world), upgrade),
    preflight: (world, extra) => preflightUpgrade(joined(world), extra),
    async holdings({ dataDirectory, role }) {
      const free = await statfs(dataDirectory).catch(() => ({ bavail: 0, bsize: 0 }));
      // Where the database does not answer, the last known rights stay in the record.
      const rights = role === "state-server" ? await rightsOf().catch(() => null) : null;
      return {
        ...(rights ? { rights } : {}),
        freeBytes: free.bavail * free.bsize,
        memberTrouble: (await troubleOf())?.words ?? null,
        backups: await backupsIn(backupsDirectory(dataDirectory)).catch(() => []),
      };
    },
  };
}
