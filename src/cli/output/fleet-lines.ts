import type { Conditions } from "../../operator/conditions.ts";
import type { Finding } from "../../operator/doctor/examine.ts";
import type { Cause, Explanation } from "../../operator/explanation/explain.ts";
import type { HistoryItem } from "../../operator/history.ts";
import type { FleetPlan } from "../../operator/planning/plan-shape.ts";
import type { FleetStatus, NotServing, Versions } from "../../operator/status.ts";
import type { UpgradeStatus } from "../../operator/upgrade-status.ts";
import type { Goal } from "../commands/show/wait-goals.ts";
import type { Counts } from "../render/finding.ts";
import type { Versioned } from "./format.ts";

/** The versions of a fleet. */
export interface VersionsLine extends Versions, Versioned {
  readonly type: "versions";
}

/** The state of a fleet. */
export interface StatusLine extends FleetStatus, Versioned {
  readonly type: "status";
  /** The upgrade and each agent in one of four words. */
  readonly conditions: Conditions;
}

/** A change of the upgrade that a command waits for. */
export interface ChangeLine extends Versioned {
  readonly type: "change";
  /** The upgrade, or null where none has been asked for yet. */
  readonly upgrade: UpgradeStatus | null;
}

/** A request that a master has accepted. */
export interface AcceptedLine extends Versioned {
  readonly type: "accepted";
  /** The upgrade that begins or goes on, or null where the request is about none. */
  readonly upgradeId: string | null;
  readonly message: string;
}

/** The required agents that do not serve after the end of an upgrade. */
export interface NotServingLine extends Versioned {
  readonly type: "not-serving";
  readonly upgradeId: string;
  readonly state: string;
  readonly agents: readonly NotServing[];
}

/** The end of an upgrade that has made room for a later one meanwhile. */
export interface EndedLine extends Versioned {
  readonly type: "ended";
  readonly upgradeId: string;
  /** Its last state, or null where the history does not have it. */
  readonly state: string | null;
}

/** The end of a wait. */
export interface WaitLine extends Versioned {
  readonly type: "wait";
  readonly for: Goal;
  /** Null for the goal `serving`. */
  readonly upgradeId: string | null;
  /** False where the goal can no longer be reached. */
  readonly reached: boolean;
  readonly message: string;
}

/** One cause, with the heading of docs/errors.md that explains its code. */
export interface ExplainedCause extends Cause {
  readonly docs: string | null;
}

/** Why an upgrade or an agent is as it is, and what to do now. */
export interface ExplanationLine extends Omit<Explanation, "causes">, Versioned {
  readonly type: "explanation";
  /** The chain of causes, the outermost first. It is empty where nothing has failed. */
  readonly causes: readonly ExplainedCause[];
}

/** One finding of an examination. */
export interface FindingLine extends Omit<Finding, "code">, Versioned {
  readonly type: "finding";
  /** The code of the failure, or null where there is none. */
  readonly code: string | null;
  /** The heading of docs/errors.md that explains the code. */
  readonly docs: string | null;
}

/** The number of findings with each outcome. */
export interface DoctorLine extends Counts, Versioned {
  readonly type: "doctor";
}

/** One upgrade of the past, or the present one. */
export interface UpgradeLine extends HistoryItem, Versioned {
  readonly type: "upgrade";
}

/** An upgrade as it would be. */
export interface PlanLine extends FleetPlan, Versioned {
  readonly type: "plan";
}

/** A plan that was written to a file. */
export interface PlanFileLine extends Versioned {
  readonly type: "plan-file";
  readonly path: string;
}

/** The answer to the request to let blocked writers in. */
export interface AllowWritesLine extends Versioned {
  readonly type: "allow-writes";
  readonly lifted: boolean;
}

/** The dashboard is served. */
export interface ServingLine extends Versioned {
  readonly type: "serving";
  readonly url: string;
  /** True where a token gives the right to act. */
  readonly mayAct: boolean;
}
