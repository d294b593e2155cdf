import type { AnyStateMachine } from "xstate";
import type { TimerRecord, WorkRecord } from "../journal/entry.ts";
import type { Settled } from "./xstate/stub-logic.ts";

/** The chart of one durable machine, and which of its work runs outside. */
export interface Chart {
  readonly machine: AnyStateMachine;
  /** The sources that are durable tasks. Every other promise, callback or observable is live work. */
  readonly tasks: ReadonlySet<string>;
  /** The actions that run after the commit, at least once. */
  readonly actions: ReadonlySet<string>;
}

/** An event that is to happen in a system. */
export type Cause =
  | { readonly kind: "event"; readonly birth: number; readonly event: object }
  | { readonly kind: "timer"; readonly id: string }
  | { readonly kind: "settled"; readonly workId: string; readonly settled: Settled }
  /** Live work emits an event. */
  | { readonly kind: "emitted"; readonly event: object }
  /** An action or a message that was carried out. */
  | { readonly kind: "carried-out"; readonly workId: string };

/** The system after an event, in the form in which it is written down. */
export interface Outcome {
  /** False when no state took the event. */
  readonly taken: boolean;
  /** The error with which the root ended, if it did. */
  readonly failure: { readonly error: unknown } | null;
  readonly snapshot: string;
  readonly state: string;
  readonly tags: readonly string[];
  readonly status: "active" | "done" | "error" | "stopped";
  readonly timers: readonly TimerRecord[];
  readonly work: readonly WorkRecord[];
  readonly emitted: readonly unknown[];
  /** The chart's own action functions, which run once after the commit, in this process. */
  readonly closures: readonly (() => unknown)[];
  readonly logged: readonly (readonly unknown[])[];
}

/** The names and times that one run uses. */
export interface RunStamp {
  readonly actor: string;
  readonly startedAtMs: number;
  readonly revision: number;
  readonly nowMs: number;
  /** Goes into each piece of work that the transition asks for. */
  readonly traced?: Required<Pick<WorkRecord, "trace">> | undefined;
}
