/** The plain values that travel in the events and contexts of both machines. */

/** Why something failed or was turned back. It is persisted and shown to the operator. */
export interface Reason {
  readonly code: string;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
}

export type Role = "state-server" | "machine";

/** The plan of an agent's binary for one upgrade, as it reports it. */
export interface PlanSummary {
  /** SHA-256 over the steps in order. It must be equal on all required agents. */
  readonly hash: string;
  /** The steps of each version, and each step, as `NAME DIGEST`. Either is absent where there are too many of them. */
  readonly steps?: readonly string[];
  readonly schemaSteps: number;
  readonly protocol: number;
}

/** Whether writers outside the fleet are blocked, or only detected. */
export type ForeignWritesPolicy = "prevented" | "only detected";

/** The point at which all copies are taken. */
export interface BackupPoint {
  /** The cluster time T, as text. */
  readonly time: string;
  /** How writers outside the fleet are treated from T on. */
  readonly foreignWrites: ForeignWritesPolicy;
  /** Digest of the live data at T. */
  readonly digest: string;
  /** The digest under which the collections' UUIDs, indexes, options, counts and hashes are stored. */
  readonly catalogue: string;
}

/** A backup that replaces the live data of a fleet. */
export interface RestoreOf {
  readonly backupId: string;
  /** The digest of its manifest. */
  readonly digest: string;
  /** The state servers that held it when the restore was accepted. */
  readonly holders: readonly string[];
}

/** The writes of others that a restore has taken back, and where their documents are. */
export interface SavedWrites {
  /** The agent on whose host they are. */
  readonly agent: string;
  /** The folder in mongodump's form, or null where there were only deletions. */
  readonly path: string | null;
  readonly documents: number;
  readonly deletions: number;
}

/** How long each state may last, in milliseconds by the database's clock. */
export interface Deadlines {
  /** Until every agent is ready on the new build. Default: 15 minutes. */
  readonly waitingMs: number;
  /** Until copies and rehearsal are done. Default: 1 hour. */
  readonly backingUpMs: number;
  /** Until the next batch is committed. Default: 10 minutes. */
  readonly noProgressMs: number;
  /** Until an operator resumes an upgrade that is paused. Default: 1 hour. */
  readonly pausedMs: number;
  /** Until every agent has run its local steps and its readiness check. Default: 15 minutes. */
  readonly peersMs: number;
  /** Until a required agent that is silent is heard again. Default: 1 minute. */
  readonly silentMs: number;
  /** Until every agent is back. The fleet goes on without a later one. Default: 1 hour. */
  readonly rollingBackMs: number;
}

/** Parameters of the action that the engine itself understands. */
export interface CancelEffectsParams {
  readonly name?: string;
}

/** The engine's report of an effect that failed for good. */
export interface EffectFailed {
  readonly type: "effectFailed";
  readonly effect: string;
  readonly reason: Reason;
}

/** The machines' protocol number. An upgrade ends in the protocol in which it began. */
export const protocol = 1;
