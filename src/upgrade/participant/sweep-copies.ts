import type { UpgradeInput } from "../../../machines/upgrade-context.ts";
import { coordinatorPrefix, upgradeOfCoordinator } from "../../control/ids.ts";
import type { AgentWorld } from "../agent-world.ts";
import { contextOf, isFinal, unreadable } from "../fleet-journal.ts";

/** Deletes the oldest copies on this host, but none that an upgrade which has not ended may need. */
export async function sweepCopies(
  { database, store }: AgentWorld,
  upgradeId: string,
): Promise<void> {
  const tails = await store.tails(coordinatorPrefix);
  const needed = tails
    .filter((tail) => !isFinal(tail))
    .flatMap((tail) => {
      // Of an upgrade that this build cannot read, the id alone is known.
      if (unreadable(tail)) return [upgradeOfCoordinator(tail.actor)];
      const open = contextOf<UpgradeInput>(tail);
      return [open.upgradeId, open.restoreOf?.backupId ?? open.upgradeId];
    });
  await database.sweepCopies([upgradeId, ...needed]);
}
