import {
  deadlineTimer,
  forwardStates,
  type Pause,
  type StepFigures,
  silenceTimer,
  type UpgradeContext,
} from "../../machines/upgrade-context.ts";
import type { ForeignWritesPolicy, Reason, SavedWrites } from "../../machines/vocabulary.ts";
import type { AgentRecord } from "../control/agents.ts";
import { upgradeOfCoordinator } from "../control/ids.ts";
import { type LockstepError, reasonOf } from "../errors.ts";
import { dueAt, visitsOf } from "../fleet-engine/read/read.ts";
import type { Fence, LoadProgress } from "../journal/fence.ts";
import type { Entry, EntryHead } from "../journal/store.ts";
import { contextOf, isFinal, unreadable } from "../upgrade/fleet-journal.ts";
import { type CopiesMade, copiesMade } from "../upgrade/protocol/copies/copies-made.ts";
import { pauseCommand } from "../upgrade/protocol/pausing.ts";
import type { Downtime, NotServing } from "./upgrade-facts/downtime.ts";
import { earlyWritesOf } from "./upgrade-facts/early-writes.ts";
import { copiedAgain, nextOf } from "./upgrade-facts/next.ts";
import { type StepsProgress, stepsProgress } from "./upgrade-facts/progress.ts";
import { waitingFor } from "./upgrade-facts/waiting-for.ts";

/** An upgrade as its operator sees it. */
export interface UpgradeStatus {
  readonly upgradeId: string;
  readonly from: string;
  readonly to: string;
  /** The backup that replaces the live data, or null for a plain upgrade. */
  readonly restoreOf: string | null;
  readonly state: string;
  /** Milliseconds since 1970, by the database's clock, at which it entered the state. */
  readonly since: number;
  readonly waitingFor: readonly string[];
  /** The pause that an operator has asked for, whether or not it has begun, or null. */
  readonly pause: Pause | null;
  /** Required agents that are silent, each with the milliseconds since 1970 at which the fleet turns back for it. */
  readonly silent: readonly { readonly agent: string; readonly until: number | null }[];
  /** Milliseconds since 1970 at which the state's deadline passes, or null. */
  readonly until: number | null;
  readonly next: string;
  readonly howToStop: string;
  /** The command that pauses it or ends its pause, or null where neither has a place. */
  readonly howToPause: "lockstep pause" | "lockstep resume" | null;
  readonly reason: Reason | null;
  readonly batches: number;
  /** The progress of the schema steps, or null while there is nothing to show. */
  readonly progress: StepsProgress | null;
  /** The progress of a restore, or null. */
  readonly restoring: LoadProgress | null;
  /** The copies of the state servers, or null before the first one. */
  readonly copies: CopiesMade | null;
  /** Why the copies are made again, or null. */
  readonly copiedAgain: string | null;
  /** The writes of others that were saved and taken back, or null. */
  readonly saved: SavedWrites | null;
  /** The changes since the acceptance that no copy precedes, in words: a way back keeps them. Empty once it is `done`. */
  readonly earlyWrites: readonly string[];
  /** The policy on foreign writers, or null before the copies. */
  readonly foreignWrites: ForeignWritesPolicy | null;
  /** The time of the schema steps in the rehearsal, or null before that. */
  readonly rehearsedMs: number | null;
  /** The time of each step in the rehearsal, and the number of documents that it changed. */
  readonly rehearsed: readonly StepFigures[];
  /** The bytes by which the database grew in the rehearsal, or null before that. */
  readonly growthBytes: number | null;
  /** The time in which not every required agent served. */
  readonly downtime: Downtime;
  /** The required agents that have not served since its end. It is empty before that. */
  readonly notServing: readonly NotServing[];
  /** True where this build cannot read its journal. Most facts are unknown then. */
  readonly unreadable: boolean;
  readonly final: boolean;
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
      earlyWrites: [],
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
export function upgradeStatus(
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
    earlyWrites: earlyWritesOf(tail.state, context),
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
