import { forwardStates, type UpgradeContext } from "../../machines/upgrade-context.ts";
import { missing } from "../../machines/upgrade-reasons.ts";
import type { ForeignWritesPolicy, Reason } from "../../machines/vocabulary.ts";
import { type AgentRecord, isSilent, readAgents } from "../control/agents.ts";
import { coordinatorId, coordinatorPrefix } from "../control/names.ts";
import { noVersionError, readVersions, requireRecords } from "../control/versions.ts";
import type { LoadProgress } from "../database/backup/load-progress.ts";
import { type LockstepError, reasonOf } from "../errors.ts";
import {
  collections,
  documentIds,
  type Entry,
  type Store,
  type Versions,
} from "../journal/store.ts";
import { unreadable } from "../upgrade/readable.ts";
import { contextOf, enteredAt, isFinal } from "../upgrade/views.ts";

export interface AgentStatus {
  readonly agent: string;
  readonly version: string;
  readonly incarnation: number;
  readonly gate: "open" | "shut";
  readonly silent: boolean;
  readonly owes: string | null;
  readonly blocked: string | null;
  readonly host: string;
  readonly pid: number;
}

export interface UpgradeStatus {
  readonly upgrade: string;
  readonly from: string;
  readonly to: string;
  /** The backup that the fleet is put back on, or null for a plain upgrade. */
  readonly restoreOf: string | null;
  readonly state: string;
  /** Milliseconds since the epoch by the database's clock. */
  readonly since: number;
  readonly waitingFor: readonly string[];
  /** When the state's deadline passes, or null. */
  readonly until: number | null;
  readonly next: string;
  readonly howToStop: string;
  readonly reason: Reason | null;
  readonly batches: number;
  /** How far a restore under way has loaded, or null. */
  readonly restoring: LoadProgress | null;
  /** What is done about writers outside the fleet, or null before the copies. */
  readonly foreignWrites: ForeignWritesPolicy | null;
  /** How long the schema steps took when they were rehearsed, or null before that. */
  readonly rehearsedMs: number | null;
  /** What each of them took, and how many documents it changed. */
  readonly rehearsed: UpgradeContext["rehearsed"];
  /** How much more room the database took after that, in bytes, or null before. */
  readonly growthBytes: number | null;
  readonly final: boolean;
}

/** One read that answers: which state, who drives, waiting for whom, what next, how to stop. */
export interface FleetStatus {
  readonly now: number;
  readonly versions: Versions;
  readonly master: {
    readonly agent: string;
    readonly epoch: number;
    readonly live: boolean;
  } | null;
  readonly upgrade: UpgradeStatus | null;
  readonly agents: readonly AgentStatus[];
}

const nextOf: Readonly<Record<string, string>> = {
  waiting: "a backup, once everybody is ready; roll-back when the deadline passes",
  "backing-up": "a rehearsal on a restored copy; roll-back when the deadline passes",
  rehearsing: "the migration of the live data; roll-back when a step fails or the deadline passes",
  migrating: "the local steps of every agent; roll-back and restore when a step fails",
  "awaiting-peers": "the commit, once everybody has voted; roll-back and restore at the deadline",
  "rolling-back": "the old version on the old data",
  blocked: "nothing until an operator mends the cause and runs `lockstep retry`",
  done: "nothing: the upgrade is committed",
  "rolled-back": "nothing: the fleet is back",
};

function waitingFor(
  state: string,
  context: UpgradeContext,
  agents: readonly AgentRecord[],
): string[] {
  switch (state) {
    case "waiting": {
      const open = agents.filter(({ gate }) => gate === "open").map(({ agent }) => agent);
      const unready = missing(context, (agent) => context.ready[agent] !== undefined);
      return [...new Set([...unready, ...open])].toSorted();
    }
    case "backing-up":
      return missing(context, (agent) => context.copies[agent] !== undefined);
    case "rehearsing":
    case "migrating":
      return ["master"];
    case "awaiting-peers":
      return missing(context, (agent) => context.voted.includes(agent));
    case "rolling-back": {
      const undone = missing(
        context,
        (agent) => context.undone.includes(agent) || context.debtors.includes(agent),
      );
      return context.restored ? undone : ["master", ...undone];
    }
    case "blocked":
      return ["operator"];
    default:
      return [];
  }
}

/** The status of an upgrade whose journal this build cannot read. Pure. */
function unreadStatus(tail: Entry, entries: readonly Entry[], error: LockstepError): UpgradeStatus {
  return {
    upgrade: tail.actor.slice(coordinatorPrefix.length),
    ...{ from: "unknown", to: "unknown", restoreOf: null },
    state: String(tail.state),
    since: enteredAt(entries),
    waitingFor: ["a version that can read its journal"],
    until: null,
    next: "nothing until a state server runs a version that can read its journal",
    howToStop: "nothing to stop",
    reason: reasonOf(error),
    ...{ batches: 0, restoring: null, foreignWrites: null, rehearsedMs: null, rehearsed: [] },
    growthBytes: null,
    final: isFinal(tail),
  };
}

/** Why the last event that was rejected in the state could not be taken, or null. Pure. */
function rejectionIn(entries: readonly Entry[], state: string): Reason | null {
  const isRejection = (entry: Entry) => entry.reason !== undefined && entry.state === state;
  return entries.findLast(isRejection)?.reason ?? null;
}

/** The view of one upgrade. Pure. */
function upgradeStatus(
  entries: readonly Entry[],
  agents: readonly AgentRecord[],
  { batches, restoring }: { readonly batches: number; readonly restoring: LoadProgress | null },
): UpgradeStatus | null {
  const tail = entries.at(-1);
  if (!tail) return null;
  const error = unreadable(tail);
  if (error) return unreadStatus(tail, entries, error);
  const context = contextOf<UpgradeContext>(tail);
  return {
    upgrade: context.upgrade,
    from: context.from,
    to: context.to,
    restoreOf: context.restoreOf?.backupId ?? null,
    state: tail.state,
    since: enteredAt(entries),
    waitingFor: waitingFor(tail.state, context, agents),
    until: tail.timers.find(({ name }) => name === "deadline")?.dueAt ?? null,
    next: nextOf[tail.state] ?? "",
    howToStop: forwardStates.includes(tail.state)
      ? "lockstep abort"
      : tail.state === "blocked"
        ? "lockstep retry"
        : "nothing to stop",
    reason: context.blockedReason ?? context.reason ?? rejectionIn(entries, tail.state),
    batches,
    restoring: ["migrating", "rolling-back"].includes(tail.state) ? restoring : null,
    foreignWrites: context.backup?.foreignWrites ?? null,
    rehearsedMs:
      context.rehearsed.length === 0
        ? null
        : context.rehearsed.reduce((sum, { durationMs }) => sum + durationMs, 0),
    rehearsed: context.rehearsed,
    growthBytes: context.growthBytes,
    final: isFinal(tail),
  };
}

/** @throws LockstepError `no-version`, `record-broken` */
export async function readStatus(store: Store): Promise<FleetStatus> {
  await requireRecords(store);
  const versions = await readVersions(store);
  if (!versions) throw noVersionError();
  const now = await store.now();
  const records = await readAgents(store);
  const lease = await store.get(collections.leases, documentIds.master);
  const fence = await store.get(collections.fences, documentIds.master);
  const latest =
    versions.upgrade === null
      ? (await store.tails(coordinatorPrefix)).at(-1)?.actor
      : coordinatorId(versions.upgrade);
  const entries = latest ? await store.entries(latest) : [];
  const progress = fence?.["progress"] as { upgrade: string; batches: number } | undefined;
  const restoring = fence?.["restoring"] as (LoadProgress & { epoch: number }) | undefined;
  const current = latest === coordinatorId(progress?.upgrade ?? "");
  const expiresAt = Number(lease?.["expiresAt"] ?? 0);
  return {
    now,
    versions: {
      agentVersion: versions.agentVersion,
      databaseVersion: versions.databaseVersion,
      upgrade: versions.upgrade,
      generation: versions.generation,
    },
    master:
      lease && typeof lease["holder"] === "string"
        ? { agent: lease["holder"], epoch: Number(lease["epoch"]), live: expiresAt > now }
        : null,
    upgrade: upgradeStatus(entries, records, {
      batches: current ? (progress?.batches ?? 0) : 0,
      restoring: restoring && restoring.epoch === fence?.["epoch"] ? restoring : null,
    }),
    agents: records.map((record) => ({
      agent: record.agent,
      version: record.version,
      incarnation: record.incarnation,
      gate: record.gate,
      silent: isSilent(record, now),
      owes: record.owes,
      blocked: record.blocked,
      host: record.host,
      pid: record.pid,
    })),
  };
}

export interface HistoryItem {
  readonly upgrade: string;
  readonly from: string;
  readonly to: string;
  readonly restoreOf: string | null;
  readonly state: string;
  readonly startedAt: number;
  readonly endedAt: number | null;
  readonly epochs: readonly number[];
  readonly reason: Reason | null;
  readonly states: readonly {
    readonly state: string;
    readonly at: number;
    readonly epoch: number;
  }[];
}

/** All upgrades ever, in order. */
export async function readHistory(store: Store): Promise<readonly HistoryItem[]> {
  const tails = await store.tails(coordinatorPrefix);
  return Promise.all(
    tails.map(async (tail) => {
      const entries = await store.entries(tail.actor);
      const error = unreadable(tail);
      const context = error ? null : contextOf<UpgradeContext>(tail);
      return {
        upgrade: tail.actor.slice(coordinatorPrefix.length),
        from: context?.from ?? "unknown",
        to: context?.to ?? "unknown",
        restoreOf: context?.restoreOf?.backupId ?? null,
        state: String(tail.state),
        startedAt: entries[0]?.at ?? tail.at,
        endedAt: isFinal(tail) ? tail.at : null,
        epochs: [...new Set(entries.map(({ epoch }) => epoch))],
        reason: error ? reasonOf(error) : (context?.reason ?? null),
        states: entries
          .filter((entry, index) => entry.state !== entries[index - 1]?.state)
          .map(({ state, at, epoch }) => ({ state, at, epoch })),
      };
    }),
  );
}
