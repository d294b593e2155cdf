import type { UpgradeContext } from "../../../machines/upgrade-context.ts";
import { type AgentRecord, isSilent, readAgents } from "../../control/agents.ts";
import type { FailureDetector } from "../../control/failure-detector.ts";
import { coordinatorId } from "../../control/ids.ts";
import { readVersions } from "../../control/versions.ts";
import { LockstepError } from "../../errors.ts";
import type { Store } from "../../journal/store.ts";
import { isFinal, viewOf } from "../fleet-journal.ts";
import type { ActorView } from "../protocol/derive.ts";
import { isEligible } from "../protocol/master-eligibility.ts";

/** The upgrade that holds the slot, as its coordinator stands. */
export type Coordinator = ActorView<UpgradeContext> & {
  readonly final: boolean;
  /** The protocol in which it began. */
  readonly protocol: number;
};

/** The facts that a master acts on, read once for each of its passes. */
export interface ActiveUpgrade {
  readonly coordinator: Coordinator;
  readonly agents: readonly AgentRecord[];
  readonly nowMs: number;
  /** Silence counts only once this process has listened long enough. */
  readonly canJudgeSilence: boolean;
}

/** True where an agent is known to have been silent for too long. Pure. */
export function isAbsent({ canJudgeSilence, nowMs }: ActiveUpgrade, record: AgentRecord): boolean {
  return canJudgeSilence && isSilent(record, nowMs);
}

/** @throws LockstepError `entry-not-readable` where this build cannot go on with it */
export async function activeCoordinator(store: Store): Promise<Coordinator | undefined> {
  const versions = await readVersions(store);
  if (!versions?.upgradeId) return undefined;
  const tail = await store.tail(coordinatorId(versions.upgradeId));
  if (!tail) return undefined;
  return { ...viewOf<UpgradeContext>(tail), final: isFinal(tail), protocol: tail.protocol };
}

export async function readActiveUpgrade(
  store: Store,
  failureDetector: FailureDetector,
): Promise<ActiveUpgrade | undefined> {
  const coordinator = await activeCoordinator(store);
  if (!coordinator) return undefined;
  const agents = await readAgents(store);
  const nowMs = await store.now();
  const canJudgeSilence = failureDetector.canJudgeSilence(nowMs);
  failureDetector.observe(nowMs);
  return { coordinator, agents, nowMs, canJudgeSilence };
}

/** True where this process may be master in the present state of the upgrade under way. Pure. */
export function mayBeMaster(
  activeUpgrade: ActiveUpgrade | undefined,
  candidate: { readonly agent: string; readonly version: string },
): boolean {
  if (!activeUpgrade) return true;
  const { coordinator, agents } = activeUpgrade;
  const heard = agents.filter((record) => !isAbsent(activeUpgrade, record));
  const versions = new Map(heard.map(({ agent, version }) => [agent, version]));
  const { agent, version } = candidate;
  return isEligible(coordinator, {
    ...{ agent, version },
    versionOf: (other) => versions.get(other) ?? null,
  });
}

/** The refusal of a request that only an active upgrade can fulfil. */
export function noUpgrade(what: string): LockstepError {
  return new LockstepError("no-upgrade", `expected an active upgrade to ${what}, there is none`);
}
