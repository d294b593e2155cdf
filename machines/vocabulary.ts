/** The vocabulary of both machines: the plain values that travel in their events and contexts. */

/** Why something failed or was turned back: persisted, and shown to the operator. */
export interface Reason {
  readonly code: string;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
}

export type Role = "state-server" | "machine";

/** The plan of an agent's binary for one upgrade, as it reports it. */
export interface PlanSummary {
  /** SHA-256 over the steps in order: must be equal on all required agents. */
  readonly hash: string;
  readonly schemaSteps: number;
  readonly protocol: number;
}

/** Whether writers outside the fleet are shut out, or only found out. */
export type ForeignWritesPolicy = "prevented" | "only detected";

/** The point that all copies are taken at. */
export interface BackupPoint {
  /** The cluster time T, as text. */
  readonly time: string;
  /** What is done about writers outside the fleet from T on. */
  readonly foreignWrites: ForeignWritesPolicy;
  /** Digest of the live data at T. */
  readonly digest: string;
  /** Digest by which the collections' UUIDs, indexes, options, counts and hashes are stored. */
  readonly catalogue: string;
}

/** A backup that a fleet is to be put back on: the live data is replaced by it. */
export interface RestoreOf {
  readonly backupId: string;
  /** Of its manifest. */
  readonly digest: string;
  /** State servers that held it when this was accepted. */
  readonly holders: readonly string[];
}

/** How long each state may last, in milliseconds by the database's clock. */
export interface Deadlines {
  /** Until every agent is ready on the new build. Default: 15 minutes. */
  readonly waitingMs: number;
  /** Until copies and rehearsal are done. Default: 1 hour. */
  readonly backingUpMs: number;
  /** Until the next batch is committed. Default: 10 minutes. */
  readonly noProgressMs: number;
  /** Until every agent has run its local steps. Default: 15 minutes. */
  readonly peersMs: number;
  /** Until every agent is back; a later one is left behind. Default: 1 hour. */
  readonly rollingBackMs: number;
}

/** Parameters of the actions that the engine itself understands. */
export interface ScheduleTimerParams {
  readonly name: string;
  readonly afterMs: number;
  readonly event: { readonly type: string };
}
export interface CancelTimerParams {
  readonly name: string;
}
export interface CancelEffectsParams {
  readonly name?: string;
}

/** An effect that failed for good, as the engine reports it. */
export interface EffectFailed {
  readonly type: "effectFailed";
  readonly effect: string;
  readonly reason: Reason;
}

/** The machines' protocol number: an upgrade ends in the protocol in which it began. */
export const protocol = 1;
