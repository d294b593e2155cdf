import type { UpgradeInput } from "../../../machines/upgrade-context.ts";
import { coordinatorPrefix } from "../../control/names.ts";
import { unreadable } from "../readable.ts";
import { contextOf, isFinal } from "../views.ts";
import type { World } from "../world.ts";

/** Deletes the oldest copies on this host, but none that an upgrade which has not ended may need. */
export async function sweepCopies({ database, store }: World, upgradeId: string): Promise<void> {
  const tails = await store.tails(coordinatorPrefix);
  const needed = tails
    .filter((tail) => !isFinal(tail))
    .flatMap((tail) => {
      // Of an upgrade that this build cannot read, the id alone is known.
      if (unreadable(tail)) return [tail.actor.slice(coordinatorPrefix.length)];
      const open = contextOf<UpgradeInput>(tail);
      return [open.upgradeId, open.restoreOf?.backupId ?? open.upgradeId];
    });
  await database.sweepCopies([upgradeId, ...needed]);
}
