import { sweepCatalogues } from "../../../control/kept-catalogues.ts";
import { readVersions } from "../../../control/versions.ts";
import type { AgentWorld } from "../../agent-world.ts";
import type { CoordinatorEffects } from "./coordinator-effects.ts";

/** Gives back what was held for an upgrade that has ended. The next upgrade's holds stay: its end lifts them. */
export function liftHolds({ database, store }: AgentWorld): CoordinatorEffects["liftHolds"] {
  return async () => {
    const isFree = async () => !(await readVersions(store))?.upgradeId;
    if (!(await isFree())) return { type: "holdsLifted" };
    await database.allowWrites(isFree);
    // Both are tried, so that a member that is away for one of them does not prevent the other.
    const lifted = await Promise.allSettled([
      database.resumeDeletions(isFree),
      database.releaseHistory(isFree),
    ]);
    for (const one of lifted) if (one.status === "rejected") throw one.reason;
    await sweepCatalogues(store);
    return { type: "holdsLifted" };
  };
}
