import { limits } from "../src/limits.ts";
import type {
  BackupPoint,
  Deadlines,
  EffectFailed,
  PlanSummary,
  Reason,
  RestoreOf,
  Role,
  SavedWrites,
} from "./vocabulary.ts";

export interface Required {
  readonly agent: string;
  readonly role: Role;
}

/** The input of an upgrade. Acceptance freezes it. Only a recorded exclusion changes it later. */
export interface UpgradeInput {
  readonly upgradeId: string;
  readonly from: string;
  readonly to: string;
  readonly required: readonly Required[];
  readonly deadlines: Deadlines;
  /** The backup of a restore by hand, which is an upgrade to the backup's version. It is null for a plain upgrade. */
  readonly restoreOf: RestoreOf | null;
  /** Milliseconds by the store's clock. The steps get this time as `now`. */
  readonly acceptedAt: number;
  /** The digest under which the definitions at the acceptance are stored. An earlier build has not stored them. */
  readonly catalogue?: string;
}

export interface Copy {
  readonly digest: string | null;
  readonly reason: Reason | null;
}

/** The figures of one schema step in its rehearsal. */
export interface StepFigures {
  readonly step: string;
  readonly durationMs: number;
  readonly documents: number;
  readonly batches: number;
}

/** A pause of the migration, as an operator asked for it. */
export interface Pause {
  readonly why: string;
}

export interface UpgradeContext extends UpgradeInput {
  readonly ready: Readonly<Record<string, PlanSummary & { readonly incarnation: number }>>;
  readonly gatesShut: boolean;
  readonly backup: BackupPoint | null;
  readonly copies: Readonly<Record<string, Copy>>;
  /** How many times T was too old, or the catalogue had changed, before all copies were made. */
  readonly momentsGone: number;
  /** Why the live data was no longer that of the last T, where that is why there is a new one; else null. */
  readonly differed?: Reason | null;
  /** The digest of the catalogue with which the rehearsal ended. The live catalogue must become equal to it. */
  readonly expected: string | null;
  readonly rehearsed: readonly StepFigures[];
  /** By how many bytes the database grew in the rehearsal. It is null before that. */
  readonly growthBytes: number | null;
  /** True once the live data may have been changed. The way back is a restore then. */
  readonly touched: boolean;
  /** The pause that an operator has asked for, from the request until it is resumed; else null. */
  readonly pause: Pause | null;
  readonly voted: readonly string[];
  /** Required agents that are silent. Each has a deadline of its own. */
  readonly silent: readonly string[];
  /** True once the last look at the live data and its catalogue is asked for. */
  readonly verifying: boolean;
  readonly verified: boolean;
  readonly restored: boolean;
  readonly undone: readonly string[];
  /** Required agents that were absent when the fleet went back. */
  readonly debtors: readonly string[];
  readonly excluded: readonly string[];
  readonly reason: Reason | null;
  readonly blockedReason: Reason | null;
  /** True once an operator has accepted that a restore takes back the writes of others. */
  readonly foreignWritesAccepted: boolean;
  /** The writes of others that were saved and taken back. It is absent where there were none. */
  readonly saved?: SavedWrites;
  /** The changes since the acceptance that no copy precedes, in words. A way back keeps them. Absent before the look. */
  readonly earlyWrites?: readonly string[];
}

export type UpgradeEvent =
  | {
      type: "participantReady";
      agent: string;
      incarnation: number;
      hash: string;
      steps?: readonly string[];
      schemaSteps: number;
      protocol: number;
    }
  | { type: "gatesShut" }
  | { type: "participantFailed"; agent: string; reason: Reason }
  | { type: "backupTimeChosen"; backup: BackupPoint; earlyWrites?: readonly string[] }
  | ({ type: "copyReported"; agent: string; time: string } & Copy)
  | {
      type: "rehearsalPassed";
      expected: string;
      figures: readonly StepFigures[];
      growthBytes: number;
    }
  | { type: "rehearsalFailed"; reason: Reason }
  | { type: "liveDataDiffers"; reason: Reason }
  | { type: "progressSeen"; sequence: number }
  | { type: "migrationDone" }
  | { type: "migrationPaused" }
  | { type: "migrationFailed"; reason: Reason }
  | { type: "liveDataVerified" }
  | { type: "participantVoted"; agent: string }
  | { type: "participantSilent"; agent: string }
  | { type: "participantHeard"; agent: string }
  | { type: "silentTooLong"; agent: string }
  | {
      type: "dataRestored";
      digest: string | null;
      saved?: SavedWrites;
      earlyWrites?: readonly string[];
    }
  | { type: "restoreFailed"; reason: Reason }
  | { type: "copyLost"; agent: string; reason: Reason }
  | { type: "participantUndone"; agent: string }
  | { type: "participantAbsent"; agent: string }
  | { type: "abortRequested"; why: string }
  | { type: "retryRequested" }
  | { type: "pauseRequested"; why: string }
  | { type: "resumeRequested" }
  | { type: "agentForgotten"; agent: string }
  | { type: "deadlinePassed" }
  | EffectFailed;

/** The states from acceptance to the last vote. An operator can abort an upgrade in them. */
export const forwardStates: readonly string[] = [
  ...["waiting", "backing-up", "rehearsing", "migrating", "paused", "awaiting-peers"],
];

/** The code of a copy that could not be made, since the server no longer reads at T. */
export const momentGone = "moment-gone";

/** The code of a roll-back that would take back the writes of others. */
export const foreignWrites = "foreign-writes";

/** True where no live data was touched, and the number of tries allows a new T. */
export function anotherMomentLeft({ momentsGone }: UpgradeContext): boolean {
  return momentsGone < limits.backupTimeTriesMax - 1;
}

type Readiness = "incomplete" | "differ" | "ready" | "ready-without-schema-steps";

/** S5: whether all required agents are ready for the same steps and protocol with every gate shut. */
export function readiness(context: UpgradeContext): Readiness {
  const plans = context.required.flatMap(({ agent }) => context.ready[agent] ?? []);
  const [first] = plans;
  if (first === undefined) return "incomplete";
  const alike = plans.every(
    ({ hash, protocol }) => hash === first.hash && protocol === first.protocol,
  );
  if (!alike) return "differ";
  if (plans.length < context.required.length || !context.gatesShut) return "incomplete";
  if (context.restoreOf !== null) return "ready";
  return first.schemaSteps === 0 ? "ready-without-schema-steps" : "ready";
}

function copyHolders(context: UpgradeContext): { servers: number; digests: (string | null)[] } {
  const servers = context.required.filter(({ role }) => role === "state-server");
  return {
    servers: servers.length,
    digests: servers.flatMap(({ agent }) => {
      const copy = context.copies[agent];
      return copy === undefined ? [] : [copy.digest];
    }),
  };
}

/** Enough holders of a copy are two hosts, or one in a fleet that has only one (S6). */
function copiesNeeded(servers: number): number {
  return Math.min(2, servers);
}

/** The holders of the copies, or of the backup that is restored by hand. One of them rehearses and restores. */
export function holdersOf({ copies, restoreOf }: UpgradeContext): readonly string[] {
  return restoreOf?.holders ?? copyHoldersOf(copies);
}

/** The holders of a copy of the data as it was before this upgrade. */
export function copyHoldersOf(copies: UpgradeContext["copies"]): readonly string[] {
  return Object.keys(copies).filter((agent) => copies[agent]?.digest);
}

/** Takes every host that has reported on a copy for a holder again. */
export function copiesAgain({ backup, copies }: UpgradeContext): UpgradeContext["copies"] {
  if (backup === null) return copies;
  const whole = { digest: backup.digest, reason: null };
  return Object.fromEntries(Object.keys(copies).map((agent) => [agent, whole]));
}

/** True where another host holds a copy: the way back need not wait for an operator. */
export function anotherCopyLeft({ copies }: UpgradeContext, lost: string): boolean {
  return copyHoldersOf(copies).some((agent) => agent !== lost);
}

/** True once all copies are reported, none differs, and enough hosts hold one. */
export function copiesAgree(context: UpgradeContext): boolean {
  const { servers, digests } = copyHolders(context);
  if (context.backup === null || servers === 0 || digests.length < servers) return false;
  const held = digests.filter((digest) => digest !== null);
  return held.length >= copiesNeeded(servers) && new Set(held).size === 1;
}

/** True where digests differ, or where so many copies are missing that too few hosts are left. */
export function copiesImpossible(context: UpgradeContext): boolean {
  const { servers, digests } = copyHolders(context);
  const held = digests.filter((digest) => digest !== null);
  const missing = digests.length - held.length;
  return new Set(held).size > 1 || (missing > 0 && servers - missing < copiesNeeded(servers));
}

/**
 * How long a deadline is. The longest time without a committed batch is the operator's, or three times the longest step of
 * the rehearsal.
 */
export function deadlineMs(
  { deadlines, rehearsed }: UpgradeContext,
  name: keyof Deadlines,
): number {
  if (name !== "noProgressMs") return deadlines[name];
  const longestMs = Math.max(0, ...rehearsed.map(({ durationMs }) => durationMs));
  return Math.max(deadlines.noProgressMs, 3 * longestMs);
}

/** True once all required agents have voted. A last look at the live data follows then. */
export function everyoneVoted({ required, voted }: UpgradeContext): boolean {
  return required.length > 0 && required.every(({ agent }) => voted.includes(agent));
}

/** True once all required agents have voted and the live data is verified. The upgrade may commit then. */
export function mayCommit(context: UpgradeContext): boolean {
  return context.verified && everyoneVoted(context);
}

/** The id of the one deadline of the whole upgrade. */
export const deadlineTimer = "deadline";

/** The id of the timer of a silent agent. */
export function silenceTimer(agent: string): string {
  return `silence/${agent}`;
}

/** True for the id of such a timer. */
export function isSilenceTimer(name: string): boolean {
  return name.startsWith(silenceTimer(""));
}

/** True once the data is back, and each required agent is back or known to be absent. */
export function everyoneSettled(context: UpgradeContext): boolean {
  return (
    context.restored &&
    context.required.every(
      ({ agent }) => context.undone.includes(agent) || context.debtors.includes(agent),
    )
  );
}
