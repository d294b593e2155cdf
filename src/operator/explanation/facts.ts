import type { ParticipantContext } from "../../../machines/participant-context.ts";
import type { UpgradeContext } from "../../../machines/upgrade-context.ts";
import { coordinatorId, participantId } from "../../control/ids.ts";
import type { Reason } from "../../errors.ts";
import { headsUpTo, type Visit, visitsOf } from "../../fleet-engine/read/read.ts";
import type { Store } from "../../journal/store.ts";
import { contextOf, unreadable } from "../../upgrade/fleet-journal.ts";
import { type FleetStatus, readStatus } from "../status.ts";

/** One agent's part in an upgrade. */
export interface Part {
  readonly agent: string;
  readonly visits: readonly Visit[];
  /** Its own trouble, or null. */
  readonly reason: Reason | null;
}

/** The facts from which an explanation is made. */
export interface ExplainFacts {
  readonly status: FleetStatus;
  /** The context of the latest upgrade, or null where there is none, or where this build cannot read it. */
  readonly context: UpgradeContext | null;
  readonly visits: readonly Visit[];
  /** Why the coordinator's events were rejected, in order. */
  readonly rejections: readonly Reason[];
  /** The parts of the required agents that this build can read. */
  readonly parts: readonly Part[];
}

async function readPart(store: Store, agent: string, upgradeId: string): Promise<readonly Part[]> {
  const tail = await store.tail(participantId(agent, upgradeId));
  if (!tail || unreadable(tail)) return [];
  const { reason } = contextOf<ParticipantContext>(tail);
  return [{ agent, visits: visitsOf(await headsUpTo(store, tail)), reason }];
}

/** @throws LockstepError `no-version`, `record-broken` */
export async function readExplainFacts(store: Store): Promise<ExplainFacts> {
  const status = await readStatus(store);
  const none = { status, context: null, visits: [], rejections: [], parts: [] };
  if (status.upgrade === null) return none;
  const { upgradeId } = status.upgrade;
  const tail = await store.tail(coordinatorId(upgradeId));
  if (!tail) return none;
  const heads = await headsUpTo(store, tail);
  const context = unreadable(tail) ? null : contextOf<UpgradeContext>(tail);
  const required = context?.required ?? [];
  const parts = await Promise.all(required.map(({ agent }) => readPart(store, agent, upgradeId)));
  return {
    ...{ status, context, visits: visitsOf(heads), parts: parts.flat() },
    rejections: heads.flatMap(({ reason }) => reason ?? []),
  };
}
