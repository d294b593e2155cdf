import { readKeptCatalogue } from "../../../control/kept-catalogues.ts";
import { LockstepError } from "../../../errors.ts";
import { type Catalogue, differences } from "../../../mongo/catalogue/catalogue.ts";
import type { AgentWorld } from "../../agent-world.ts";
import { actingOf } from "./acting.ts";
import type { CoordinatorEffects } from "./coordinator-effects.ts";

/**
 * The last look before the commit, after each local step and readiness check: the live definitions are those that the
 * rehearsal ended with, and nothing but the upgrade has written.
 */
export function verifyLiveData(world: AgentWorld): CoordinatorEffects["verifyLiveData"] {
  const { database, store } = world;
  return async ({ upgradeId, expected, backup }, context) => {
    // Without schema steps nothing was copied, rehearsed or changed.
    if (expected === null || backup === null) return { type: "liveDataVerified" };
    await database.refuseForeignWrites(
      actingOf(world, context),
      backup.time,
      "they came after the schema steps, so a local step, a readiness check (which must not write) or a client outside the fleet made them: stop that, then upgrade again",
    );
    const rehearsed = (await readKeptCatalogue(store, upgradeId, expected)) as Catalogue;
    const found = differences(rehearsed, await database.live.catalogue(), { ignoreUuid: true });
    if (found.length === 0) return { type: "liveDataVerified" };
    throw new LockstepError(
      "schema-conflict",
      `the live catalogue differs from the rehearsed one: ${found.join("; ")}`,
      { differences: found },
    );
  };
}
