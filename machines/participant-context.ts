import type { BackupPoint, EffectFailed, PlanSummary, Reason, Role } from "./vocabulary.ts";

/** The input of a participant. */
export interface ParticipantInput {
  readonly agent: string;
  readonly role: Role;
  readonly upgradeId: string;
  readonly from: string;
  readonly to: string;
}

export interface ParticipantContext extends ParticipantInput {
  /** The version of the process that reported last. It is null before the first report. */
  readonly running: string | null;
  readonly incarnation: number;
  readonly plan: PlanSummary | null;
  readonly gateShut: boolean;
  /** True after a change of version was asked for, until the next process reports. */
  readonly leaving: boolean;
  /** True where the coordinator has committed without this agent. It can only go forward. */
  readonly late: boolean;
  readonly turnedBack: boolean;
  /** True where a later upgrade was committed while this one was stuck here. Its local steps can only be undone. */
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
      steps?: readonly string[];
      schemaSteps: number;
      protocol: number;
      /** Why the launcher could not start the wanted version, or null. */
      cannotStart: Reason | null;
    }
  | { type: "gateShut" }
  | { type: "copyAsked"; backup: BackupPoint }
  | { type: "copyMade"; digest: string }
  | { type: "copyFailed"; reason: Reason }
  | { type: "localStepsAsked" }
  | { type: "localStepsDone" }
  | { type: "localStepFailed"; reason: Reason }
  | { type: "readinessPassed" }
  | { type: "readinessFailed"; reason: Reason }
  | { type: "committed" }
  | { type: "turnBackAsked" }
  | { type: "undone" }
  | { type: "undoFailed"; reason: Reason }
  | { type: "retryRequested" }
  | { type: "superseded" }
  | EffectFailed;
