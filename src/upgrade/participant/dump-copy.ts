import { assert, isLockstepError, reasonOf } from "../../errors.ts";
import type { AgentWorld } from "../agent-world.ts";
import { cataloguedAt } from "../protocol/copies/backup-point.ts";
import type { ParticipantEffects } from "./participant-effects.ts";

/** Takes this state server's copy at the time T. */
export function dumpCopy({ database, store, log }: AgentWorld): ParticipantEffects["dumpCopy"] {
  return async ({ upgradeId, from, backup }, { signal }) => {
    assert(backup, "a copy is asked for at a time T");
    try {
      const wanted = await cataloguedAt(store, upgradeId, backup);
      const { digest } = await database.dump({
        ...{ ...wanted, backupId: upgradeId, version: from, time: backup.time, signal },
      });
      return { type: "copyMade", digest };
    } catch (error) {
      if (!isLockstepError(error) || signal.aborted) throw error;
      const { code, message } = error;
      log.warn({ upgradeId, code, error: message }, "this state server could make no copy");
      return { type: "copyFailed", reason: reasonOf(error) };
    }
  };
}
