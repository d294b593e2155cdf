import type { Reason, Role } from "../../../machines/vocabulary.ts";
import type { Chart } from "../../diagram/chart.ts";

/** An armed timer of an actor, in milliseconds by the database's clock. */
export interface FilmDeadline {
  readonly name: string;
  readonly dueAt: number;
}

/** One entry of an actor's journal. */
export interface FilmStep {
  readonly revision: number;
  /** Milliseconds by the database's clock. It never falls: a clock that went back is shown as one that stood still. */
  readonly at: number;
  readonly event: string;
  /** The agent, the version or the effect that the event is about, or null. */
  readonly about: string | null;
  readonly outcome: "applied" | "ignored" | "rejected" | "takeover";
  /** The state after the event. */
  readonly state: string;
  /** True where the event has entered that state, also where the actor had been in it before. */
  readonly enters: boolean;
  /** The keys of the edges that the event took, in order. */
  readonly edges: readonly string[];
  /** The coordinator's epoch, or the incarnation of the participant's agent. */
  readonly epoch: number;
  /** The agent whose process wrote the entry, or null where its build did not say. */
  readonly by: string | null;
  /** The version of that process, or null. */
  readonly version: string | null;
  /** All that are armed after the event. */
  readonly deadlines: readonly FilmDeadline[];
  /** Why the event was rejected, or the reason that it brought; or null. */
  readonly reason: Reason | null;
  /**
   * At the first entry of another process: a master `took-over`, an agent `restarted` to change its version, or its process
   * `died` and another one goes on. It is null for every other entry.
   */
  readonly change: "took-over" | "restarted" | "died" | null;
}

/** One actor's part in a film. */
export interface Lane {
  readonly actor: string;
  readonly kind: "coordinator" | "participant";
  /** The participant's agent, or null for the coordinator. */
  readonly agent: string | null;
  readonly role: Role | null;
  /** True for an agent without which the upgrade cannot be done. */
  readonly required: boolean;
  readonly machine: string;
  readonly steps: readonly FilmStep[];
  /** Milliseconds since 1970 at which the agent served for the first time after the upgrade, or null. */
  readonly servedAt: number | null;
  /** Why this build could not read the last entry, or null. Then no edge and no reason of the unread ones is known. */
  readonly trouble: string | null;
}

/** One upgrade as its journals tell it. */
export interface Film {
  readonly upgradeId: string;
  readonly from: string;
  readonly to: string;
  /** The backup that was restored, or null for a plain upgrade. */
  readonly restoreOf: string | null;
  /** The database's time at the reading. */
  readonly readAt: number;
  /** True once every actor has come to its end. */
  readonly final: boolean;
  /** The machines of the lanes, by name: a later build may draw them otherwise. */
  readonly charts: Readonly<Record<string, Chart>>;
  /** The coordinator first, then the participants by their agents' names. */
  readonly lanes: readonly Lane[];
}
