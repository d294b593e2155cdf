import {
  deadlineTimer,
  forwardStates,
  type Pause,
  type StepFigures,
  silenceTimer,
  type UpgradeContext,
} from "../../machines/upgrade-context.ts";
import type { ForeignWritesPolicy, Reason, Role, SavedWrites } from "../../machines/vocabulary.ts";
import {
  type AgentRecord,
  type BackupsHeld,
  isSilent,
  isStarting,
  readAgents,
} from "../control/agents.ts";
import { coordinatorId, coordinatorPrefix, upgradeOfCoordinator } from "../control/ids.ts";
import { noVersionError, readVersions, requireRecords } from "../control/versions.ts";
import { type LockstepError, reasonOf } from "../errors.ts";
import { dueAt, headsUpTo, type Visit, visitsOf } from "../fleet-engine/read/read.ts";
import { type Fence, fenceOf, type LoadProgress } from "../journal/fence.ts";
import {
  collections,
  documentIds,
  type Entry,
  type EntryHead,
  type Store,
  type Versions,
} from "../journal/store.ts";
import { contextOf, isFinal, unreadable } from "../upgrade/fleet-journal.ts";
import { type CopiesMade, copiesMade } from "../upgrade/protocol/copies-made.ts";

import { pauseCommand } from "../upgrade/protocol/pausing.ts";

import {
  type Downtime,
  downtimeOf,
  type NotServing,
  notServingOf,
  readDowntimeFacts,
} from "./upgrade-facts/downtime.ts";
import { type MasterStatus, masterStatus } from "./upgrade-facts/master.ts";
import { copiedAgain, nextOf } from "./upgrade-facts/next.ts";
import { type StepsProgress, stepsProgress } from "./upgrade-facts/progress.ts";
import { waitingFor } from "./upgrade-facts/waiting-for.ts";

export type { SavedWrites } from "../../machines/vocabulary.ts";
export type { LoadProgress } from "../journal/fence.ts";
export type { Versions } from "../journal/store.ts";
export type { CopiesMade } from "../upgrade/protocol/copies-made.ts";
export type { Downtime, NotServing } from "./upgrade-facts/downtime.ts";
export type { StepsProgress } from "./upgrade-facts/progress.ts";

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

export interface UpgradeStatus {
  readonly upgradeId: string;
  readonly from: string;
  readonly to: string;
  /** The backup that replaces the live data, or null for a plain upgrade. */
  readonly restoreOf: string | null;
  readonly state: string;
  /** Milliseconds since the epoch by the database's clock. */
  readonly since: number;
  readonly waitingFor: readonly string[];
  /** The pause that an operator has asked for, whether or not it has begun, or null. */
  readonly pause: Pause | null;
  /** Required agents that are silent, and when the fleet turns back for each. */
  readonly silent: readonly { readonly agent: string; readonly until: number | null }[];
  /** When the state's deadline passes, or null. */
  readonly until: number | null;
  readonly next: string;
  readonly howToStop: string;
  /** The command that pauses it or ends its pause, or null where neither has a place. */
  readonly howToPause: "lockstep pause" | "lockstep resume" | null;
  readonly reason: Reason | null;
  readonly batches: number;
  /** How far the schema steps are, or null while there is nothing to show. */
  readonly progress: StepsProgress | null;
  /** The progress of a restore, or null. */
  readonly restoring: LoadProgress | null;
  /** The copies of the state servers, or null before the first one. */
  readonly copies: CopiesMade | null;
  /** Why the copies are made again, or null. */
  readonly copiedAgain: string | null;
  /** The writes of others that were saved and taken back, or null. */
  readonly saved: SavedWrites | null;
  /** How foreign writers are treated, or null before the copies. */
  readonly foreignWrites: ForeignWritesPolicy | null;
  /** How long the schema steps took in the rehearsal, or null before that. */
  readonly rehearsedMs: number | null;
  /** The time of each step, and how many documents it changed. */
  readonly rehearsed: readonly StepFigures[];
  /** By how many bytes the database grew in the rehearsal, or null before that. */
  readonly growthBytes: number | null;
  /** The time in which not every required agent served. */
  readonly downtime: Downtime;
  /** The required agents that have not served since its end. It is empty before that. */
  readonly notServing: readonly NotServing[];
  /** True where this build cannot read its journal. Most facts are unknown then. */
  readonly unreadable: boolean;
  readonly final: boolean;
}

/**
 * The state of a fleet: its upgrade, its master, the agents for which it waits, what comes next, and how to stop it.
 */
export interface FleetStatus {
  readonly now: number;
  readonly versions: Versions;
  readonly master: MasterStatus | null;
  readonly upgrade: UpgradeStatus | null;
  readonly agents: readonly AgentStatus[];
}

/** The status of an upgrade whose journal this build cannot read. Pure. */
function unreadStatus(tail: Entry, since: number, error: LockstepError): UpgradeStatus {
  return {
    upgradeId: upgradeOfCoordinator(tail.actor),
    ...{ from: "unknown", to: "unknown", restoreOf: null },
    state: String(tail.state),
    since,
    waitingFor: ["a version that can read its journal"],
    pause: null,
    silent: [],
    until: null,
    next: "nothing until a state server runs a version that can read its journal",
    howToStop: "nothing to stop",
    howToPause: null,
    reason: reasonOf(error),
    ...{
      batches: 0,
      progress: null,
      saved: null,
      restoring: null,
      copies: null,
      copiedAgain: null,
      foreignWrites: null,
      rehearsedMs: null,
      rehearsed: [],
    },
    growthBytes: null,
    ...{ downtime: { from: null, until: null }, notServing: [] },
    ...{ unreadable: true, final: isFinal(tail) },
  };
}

/** Why the last event of this state that was rejected could not be taken, or null. Pure. */
function rejectionIn(heads: readonly EntryHead[], state: string): Reason | null {
  return (
    heads.findLast((head) => head.reason !== undefined && head.state === state)?.reason ?? null
  );
}

/** The view of one upgrade. Pure. */
function upgradeStatus(
  tail: Entry,
  heads: readonly EntryHead[],
  agents: readonly AgentRecord[],
  {
    fence,
    restoring,
    ...facts
  }: Pick<UpgradeStatus, "batches" | "restoring" | "downtime" | "notServing"> & {
    readonly fence: Fence | undefined;
  },
): UpgradeStatus {
  const visits = visitsOf(heads);
  const since = visits.at(-1)?.at ?? tail.at;
  const error = unreadable(tail);
  if (error) return unreadStatus(tail, since, error);
  const context = contextOf<UpgradeContext>(tail);
  return {
    upgradeId: context.upgradeId,
    from: context.from,
    to: context.to,
    restoreOf: context.restoreOf?.backupId ?? null,
    state: tail.state,
    since,
    waitingFor: waitingFor(tail.state, context, agents),
    pause: forwardStates.includes(tail.state) ? context.pause : null,
    silent: forwardStates.includes(tail.state)
      ? context.silent.map((agent) => ({ agent, until: dueAt(tail, silenceTimer(agent)) }))
      : [],
    until: dueAt(tail, deadlineTimer),
    next: nextOf(tail.state, context, facts.notServing.length > 0),
    howToPause: pauseCommand(tail.state, context),
    howToStop: forwardStates.includes(tail.state)
      ? "lockstep abort"
      : tail.state === "blocked"
        ? "nothing: it is on its way back, and `lockstep retry` goes on"
        : "nothing to stop",
    reason: context.blockedReason ?? context.reason ?? rejectionIn(heads, tail.state),
    progress: stepsProgress(tail.state, context, fence),
    restoring: ["migrating", "rolling-back"].includes(tail.state) ? restoring : null,
    copies: copiesMade(context),
    copiedAgain: copiedAgain(tail.state, context),
    saved: context.saved ?? null,
    foreignWrites: context.backup?.foreignWrites ?? null,
    rehearsedMs:
      context.rehearsed.length === 0
        ? null
        : context.rehearsed.reduce((sum, { durationMs }) => sum + durationMs, 0),
    // The journal has the figures of each operation, too.
    rehearsed: context.rehearsed.map(({ step, durationMs, documents, batches }) => {
      return { step, durationMs, documents, batches };
    }),
    growthBytes: context.growthBytes,
    ...{ ...facts, unreadable: false },
    final: isFinal(tail),
  };
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

/** One stay of an upgrade in a state. */
export interface StateTime extends Visit {
  /** How long it lasted, in milliseconds; null for the state that it is in. */
  readonly lastedMs: number | null;
}

/** The time in each state, in order. Pure. */
function stateTimes(visits: readonly Visit[]): readonly StateTime[] {
  return visits.map((visit, index) => {
    const next = visits[index + 1];
    return { ...visit, lastedMs: next === undefined ? null : next.at - visit.at };
  });
}

export interface HistoryItem {
  readonly upgradeId: string;
  readonly from: string;
  readonly to: string;
  readonly restoreOf: string | null;
  readonly state: string;
  readonly startedAt: number;
  readonly endedAt: number | null;
  readonly epochs: readonly number[];
  readonly reason: Reason | null;
  readonly states: readonly StateTime[];
  /** The writes of others that were saved and taken back, or null. */
  readonly saved: SavedWrites | null;
  /** The copies of the state servers, or null where none was asked for. */
  readonly copies: CopiesMade | null;
  /** The time in which not every required agent served. */
  readonly downtime: Downtime;
}

/** All upgrades of the fleet, in order. */
export async function readHistory(store: Store): Promise<readonly HistoryItem[]> {
  const tails = await store.tails(coordinatorPrefix);
  return Promise.all(
    tails.map(async (tail) => {
      const heads = await headsUpTo(store, tail);
      const error = unreadable(tail);
      const context = error ? null : contextOf<UpgradeContext>(tail);
      return {
        upgradeId: upgradeOfCoordinator(tail.actor),
        from: context?.from ?? "unknown",
        to: context?.to ?? "unknown",
        restoreOf: context?.restoreOf?.backupId ?? null,
        state: String(tail.state),
        startedAt: heads[0]?.at ?? tail.at,
        endedAt: isFinal(tail) ? tail.at : null,
        epochs: [...new Set(heads.map(({ epoch }) => epoch))],
        reason: error ? reasonOf(error) : (context?.reason ?? null),
        states: stateTimes(visitsOf(heads)),
        copies: context && copiesMade(context),
        saved: context?.saved ?? null,
        downtime: context
          ? downtimeOf(await readDowntimeFacts(store, tail, context))
          : { from: null, until: null },
      };
    }),
  );
}
