import { limits } from "../src/limits.ts";
import type {
  BackupPoint,
  Deadlines,
  EffectFailed,
  PlanSummary,
  Reason,
  RestoreOf,
  Role,
} from "./vocabulary.ts";

export interface Required {
  readonly agent: string;
  readonly role: Role;
}

/** The input of an upgrade. It is frozen at acceptance, but for a recorded exclusion. */
export interface UpgradeInput {
  readonly upgrade: string;
  readonly from: string;
  readonly to: string;
  readonly required: readonly Required[];
  readonly deadlines: Deadlines;
  /** A restore by hand is an upgrade to the backup's version and data; null for a plain upgrade. */
  readonly restoreOf: RestoreOf | null;
  /** Milliseconds by the store's clock: what the steps get as `now`. */
  readonly acceptedAt: number;
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

export interface UpgradeContext extends UpgradeInput {
  readonly ready: Readonly<Record<string, PlanSummary & { readonly incarnation: number }>>;
  readonly gatesShut: boolean;
  readonly backup: BackupPoint | null;
  readonly copies: Readonly<Record<string, Copy>>;
  /** How often the time T was too old, or the catalogue had changed, before all copies were made. */
  readonly momentsGone: number;
  /** Digest by which the catalogue that the rehearsal ended with is stored: what the live one must become. */
  readonly expected: string | null;
  readonly rehearsed: readonly StepFigures[];
  /** How much more room the database took after the steps than before, in bytes; null before that. */
  readonly growthBytes: number | null;
  /** The live data may have been changed: the way back is a restore. */
  readonly touched: boolean;
  readonly voted: readonly string[];
  readonly verified: boolean;
  readonly restored: boolean;
  readonly undone: readonly string[];
  /** Required agents that were absent when the fleet went back. */
  readonly debtors: readonly string[];
  readonly excluded: readonly string[];
  readonly reason: Reason | null;
  readonly blockedReason: Reason | null;
  /** An operator has said that a restore may take back what somebody outside the fleet wrote. */
  readonly foreignWritesAccepted: boolean;
}

export type UpgradeEvent =
  | {
      type: "participantReady";
      agent: string;
      incarnation: number;
      hash: string;
      schemaSteps: number;
      protocol: number;
    }
  | { type: "gatesShut" }
  | { type: "participantFailed"; agent: string; reason: Reason }
  | { type: "backupTimeChosen"; backup: BackupPoint }
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
  | { type: "migrationFailed"; reason: Reason }
  | { type: "catalogueVerified" }
  | { type: "participantVoted"; agent: string }
  | { type: "dataRestored"; digest: string | null }
  | { type: "restoreFailed"; reason: Reason }
  | { type: "copyLost"; agent: string; reason: Reason }
  | { type: "participantUndone"; agent: string }
  | { type: "participantAbsent"; agent: string }
  | { type: "abortRequested"; why: string }
  | { type: "retryRequested" }
  | { type: "agentForgotten"; agent: string }
  | { type: "deadlinePassed" }
  | EffectFailed;

/** From acceptance to the last vote: what can still be aborted. */
export const forwardStates: readonly string[] = [
  ...["waiting", "backing-up", "rehearsing", "migrating", "awaiting-peers"],
];

/** Code of a copy that could not be made since the server no longer reads at T. */
export const momentGone = "moment-gone";

/** Code of a roll-back that would take back somebody else's writes. */
export const foreignWrites = "foreign-writes";

/** Nothing was touched yet, and a new T may be tried. */
export function anotherMomentLeft({ momentsGone }: UpgradeContext): boolean {
  return momentsGone < limits.backupTimeTriesMax - 1;
}

type Readiness = "incomplete" | "differ" | "ready" | "ready-without-schema-steps";

/** S5: all required agents are ready for the same steps and protocol, and no gate is open. */
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

/** Two hosts hold a copy where the fleet has two, one where it has one (S6). */
function copiesNeeded(servers: number): number {
  return Math.min(2, servers);
}

/** The holders of the copies, or of the backup that is restored by hand: one of them rehearses and restores. */
export function holdersOf({ copies, restoreOf }: UpgradeContext): readonly string[] {
  return restoreOf?.holders ?? copyHoldersOf(copies);
}

/** The holders of a copy of the data as it was before this upgrade. */
export function copyHoldersOf(copies: UpgradeContext["copies"]): readonly string[] {
  return Object.keys(copies).filter((agent) => copies[agent]?.digest);
}

/** Every host that has reported on a copy is believed to hold one, once more. */
export function copiesAgain({ backup, copies }: UpgradeContext): UpgradeContext["copies"] {
  if (backup === null) return copies;
  const whole = { digest: backup.digest, reason: null };
  return Object.fromEntries(Object.keys(copies).map((agent) => [agent, whole]));
}

/** Somebody else still holds a copy: the way back need not wait for an operator. */
export function anotherCopyLeft({ copies }: UpgradeContext, lost: string): boolean {
  return copyHoldersOf(copies).some((agent) => agent !== lost);
}

/** All copies are reported, none differs, and enough hosts hold one. */
export function copiesAgree(context: UpgradeContext): boolean {
  const { servers, digests } = copyHolders(context);
  if (context.backup === null || servers === 0 || digests.length < servers) return false;
  const held = digests.filter((digest) => digest !== null);
  return held.length >= copiesNeeded(servers) && new Set(held).size === 1;
}

/** A different digest fails the backup at once; a missing one when too few hosts are left. */
export function copiesImpossible(context: UpgradeContext): boolean {
  const { servers, digests } = copyHolders(context);
  const held = digests.filter((digest) => digest !== null);
  const missing = digests.length - held.length;
  return new Set(held).size > 1 || (missing > 0 && servers - missing < copiesNeeded(servers));
}

/** How long the migration may go without a committed batch: what was asked for, or what the rehearsal needed thrice. */
export function noProgressMs({ deadlines, rehearsed }: UpgradeContext): number {
  const longestMs = Math.max(0, ...rehearsed.map(({ durationMs }) => durationMs));
  return Math.max(deadlines.noProgressMs, 3 * longestMs);
}

/** All required agents have voted and the catalogue is verified: the commit point may be passed. */
export function everyoneVoted({ verified, required, voted }: UpgradeContext): boolean {
  return verified && required.length > 0 && required.every(({ agent }) => voted.includes(agent));
}

/** The data is back, and each required agent is back or known to be absent. */
export function everyoneSettled(context: UpgradeContext): boolean {
  return (
    context.restored &&
    context.required.every(
      ({ agent }) => context.undone.includes(agent) || context.debtors.includes(agent),
    )
  );
}
