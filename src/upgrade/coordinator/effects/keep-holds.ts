import { untilAborted } from "../../../ports/waiting/until-aborted.ts";
import type { AgentWorld } from "../../agent-world.ts";
import { actingOf, attempt, hasBegun } from "./acting.ts";
import type { CoordinatorEffects } from "./coordinator-effects.ts";
import { watchingMembers } from "./watching-members.ts";

/**
 * Goes on with what a running step has beside it, while the steps stand still: TTL deletion rests, also on a member that
 * was started again, room for the way back stays free, and nobody else writes. It ends by being cancelled, or where one of
 * these fails.
 */
export function keepHolds(world: AgentWorld): CoordinatorEffects["keepHolds"] {
  return ({ upgradeId, backup }, context) =>
    attempt("migrationFailed", context, () =>
      watchingMembers(world, context, untilAborted, {
        async alsoLook() {
          // Before the first batch, a write from outside costs new copies and not the upgrade: the migration looks itself.
          if (backup === null || !(await hasBegun(world, upgradeId))) return;
          await world.database.refuseForeignWrites(actingOf(world, context), backup.time);
        },
      }),
    );
}
