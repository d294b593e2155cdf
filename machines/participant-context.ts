import type { BackupPoint, EffectFailed, PlanSummary, Reason, Role } from "./vocabulary.ts";

/** The input of a participant. */
export interface ParticipantInput {
  readonly agent: string;
  readonly role: Role;
  readonly upgrade: string;
  readonly from: string;
  readonly to: string;
}

export interface ParticipantContext extends ParticipantInput {
  /** The version of the process that reported last; null before the first report. */
  readonly running: string | null;
  readonly incarnation: number;
  readonly plan: PlanSummary | null;
  readonly gateShut: boolean;
  /** A change of version was asked for and the next process has not reported yet. */
  readonly leaving: boolean;
  /** The coordinator has committed without this agent: only forward from here. */
  readonly late: boolean;
  readonly turnedBack: boolean;
  /** A later upgrade was committed while this one was stuck here: only back to where its files were. */
  readonly superseded: boolean;
  readonly backup: BackupPoint | null;
  readonly copy: { readonly digest: string | null; readonly reason: Reason | null } | null;
  readonly undone: boolean;
  readonly reason: Reason | null;
}

export type AgentEvent =
  | {
      type: "started";
      version: string;
      incarnation: number;
      hash: string;
      schemaSteps: number;
      protocol: number;
      /** The launcher could not start the version wanted, and why. */
      cannotStart: Reason | null;
    }
  | { type: "gateShut" }
  | { type: "copyAsked"; backup: BackupPoint }
  | { type: "copyMade"; digest: string }
  | { type: "copyFailed"; reason: Reason }
  | { type: "localStepsAsked" }
  | { type: "localStepsDone" }
  | { type: "localStepFailed"; reason: Reason }
  | { type: "committed" }
  | { type: "turnBackAsked" }
  | { type: "undone" }
  | { type: "undoFailed"; reason: Reason }
  | { type: "retryRequested" }
  | { type: "superseded" }
  | EffectFailed;
