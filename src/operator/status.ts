import type { UpgradeContext } from "../../machines/upgrade-context.ts";
import type { Role } from "../../machines/vocabulary.ts";
import {
  type AgentRecord,
  type BackupsHeld,
  isSilent,
  isStarting,
  readAgents,
} from "../control/agents.ts";
import { coordinatorId, coordinatorPrefix } from "../control/ids.ts";
import { noVersionError, readVersions, requireRecords } from "../control/versions.ts";
import { headsUpTo } from "../fleet-engine/read/read.ts";
import { type Fence, fenceOf, type LoadProgress } from "../journal/fence.ts";
import {
  collections,
  documentIds,
  type Entry,
  type Store,
  type Versions,
} from "../journal/store.ts";
import { contextOf, unreadable } from "../upgrade/fleet-journal.ts";
import { downtimeOf, notServingOf, readDowntimeFacts } from "./upgrade-facts/downtime.ts";
import { type MasterStatus, masterStatus } from "./upgrade-facts/master.ts";
import { type UpgradeStatus, upgradeStatus } from "./upgrade-status.ts";

export type { SavedWrites } from "../../machines/vocabulary.ts";
export type { LoadProgress } from "../journal/fence.ts";
export type { Versions } from "../journal/store.ts";
export type { CopiesMade } from "../upgrade/protocol/copies/copies-made.ts";
export type { Downtime, NotServing } from "./upgrade-facts/downtime.ts";
export type { StepsProgress } from "./upgrade-facts/progress.ts";

/** One agent as its record shows it. */
export interface AgentStatus {
  readonly agent: string;
  readonly role: Role;
  readonly version: string;
  readonly incarnation: number;
  /** The versions that its launcher can start. It is empty where the agent runs without a launcher. */
  readonly startable: readonly string[];
  readonly gate: "open" | "shut";
  /** Since when its application drains, in milliseconds by the database's clock, or null. */
  readonly drainingSince: number | null;
  readonly silent: boolean;
  /** True while it checks the files of its host, or runs the local steps that are missing there. */
  readonly starting: boolean;
  /** Its last heartbeat, in milliseconds by the database's clock. */
  readonly lastSeenAt: number;
  readonly owes: string | null;
  readonly blocked: string | null;
  /** The copies on its disk, or null where it has not said so yet. */
  readonly backups: BackupsHeld | null;
  readonly host: string;
  readonly pid: number;
}

/**
 * The state of a fleet: its upgrade, its master, the agents for which it waits, what comes next, and how to stop it.
 */
export interface FleetStatus {
  /** Milliseconds since 1970 by the database's clock. */
  readonly now: number;
  readonly versions: Versions;
  readonly master: MasterStatus | null;
  readonly upgrade: UpgradeStatus | null;
  readonly agents: readonly AgentStatus[];
}

/** All agents, and of an upgrade since when not everybody serves, until when, and the agents that do not yet. */
async function readServing(
  store: Store,
  tail: Entry | undefined,
  now: number,
): Promise<
  Pick<UpgradeStatus, "downtime" | "notServing"> & { readonly records: readonly AgentRecord[] }
> {
  const context = tail && !unreadable(tail) ? contextOf<UpgradeContext>(tail) : null;
  const facts = tail && context && (await readDowntimeFacts(store, tail, context));
  // The records after the openings: an agent writes that its gate is open before it serves.
  const records = await readAgents(store);
  if (!facts) return { records, downtime: { from: null, until: null }, notServing: [] };
  const version = facts.state === "done" ? context.to : context.from;
  return {
    records,
    downtime: downtimeOf(facts),
    notServing: notServingOf(facts, version, records, now),
  };
}

/** The progress of a restore by the present master, or null. Pure. */
function restoringOf(fence: Fence | undefined): LoadProgress | null {
  if (fence?.restoring === undefined) return null;
  const { epoch, ...progress } = fence.restoring;
  return epoch === fence.epoch ? progress : null;
}

/** @throws LockstepError `no-version`, `record-broken` */
export async function readStatus(store: Store): Promise<FleetStatus> {
  await requireRecords(store);
  const versions = await readVersions(store);
  if (!versions) throw noVersionError();
  const now = await store.now();
  const lease = await store.get(collections.leases, documentIds.master);
  const fence = await fenceOf(store);
  const tail = await (versions.upgradeId === null
    ? store.lastTail(coordinatorPrefix)
    : store.tail(coordinatorId(versions.upgradeId)));
  const { progress } = fence ?? {};
  const { records, ...serving } = await readServing(store, tail, now);
  const current = tail?.actor === coordinatorId(progress?.upgradeId ?? "");
  return {
    now,
    versions,
    master: masterStatus(lease, now),
    upgrade:
      tail === undefined
        ? null
        : upgradeStatus(tail, await headsUpTo(store, tail), records, {
            fence,
            batches: current ? (progress?.batches ?? 0) : 0,
            restoring: restoringOf(fence),
            ...serving,
          }),
    agents: records.map((record) => ({
      agent: record.agent,
      role: record.role,
      version: record.version,
      incarnation: record.incarnation,
      startable: record.startable,
      gate: record.gate,
      // The note of a drain may land after its end.
      drainingSince: record.gate === "open" ? (record.drainingSince ?? null) : null,
      silent: isSilent(record, now),
      starting: isStarting(record),
      lastSeenAt: record.lastSeenAt,
      owes: record.owes,
      blocked: record.blocked ?? record.notServing ?? null,
      backups: record.backupsHeld ?? null,
      host: record.host,
      pid: record.pid,
    })),
  };
}
