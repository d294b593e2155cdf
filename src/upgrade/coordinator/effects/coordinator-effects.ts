import type { CoordinatorParams } from "../../../../machines/effect-params.ts";
import type { UpgradeEvent } from "../../../../machines/upgrade-context.ts";
import type { EffectContext } from "../../../fleet-engine/engine.ts";
import type { AgentWorld } from "../../agent-world.ts";
import { chooseBackupTime } from "./choose-backup-time.ts";
import { keepHolds } from "./keep-holds.ts";
import { liftHolds } from "./lift-holds.ts";
import { restore } from "./restore.ts";
import { migrate } from "./steps/migrate.ts";
import { rehearse } from "./steps/rehearse.ts";
import { verifyLiveData } from "./verify-live-data.ts";

/** The effects of `machines/upgrade.ts`: each answers with the event that reports it. */
export type CoordinatorEffects = {
  readonly [Name in keyof CoordinatorParams]: (
    params: CoordinatorParams[Name],
    context: EffectContext,
  ) => Promise<UpgradeEvent | { readonly type: "holdsLifted" }>;
};

/** The effects of the coordinator, in one process of one agent. */
export function coordinatorEffects(world: AgentWorld): CoordinatorEffects {
  return {
    chooseBackupTime: chooseBackupTime(world),
    rehearse: rehearse(world),
    migrate: migrate(world),
    keepHolds: keepHolds(world),
    verifyLiveData: verifyLiveData(world),
    restore: restore(world),
    liftHolds: liftHolds(world),
  };
}
