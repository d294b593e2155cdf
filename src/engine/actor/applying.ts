import { LockstepError } from "../../errors.ts";
import type { Entry } from "../journal/entry.ts";
import type { Fence } from "../journal/store.ts";
import type { RunStamp } from "../system/outcome.ts";
import type { Appender } from "./appender.ts";
import type { Intent } from "./step.ts";

/**
 * The decision on an actor. Null: nothing is done. `migrate`: nothing but the migration to a newer version, where there is one. `stop`: the end of the
 * actor, for which it is not migrated.
 */
export type Decision = Intent | "migrate" | "stop" | null;

/** The result of an intent. */
export type Applied =
  | {
      readonly kind: "appended";
      readonly entry: Entry;
      /** Has to be called once the caller's transaction has committed. Absent where the entry is durable already. */
      readonly committed?: () => void;
    }
  /** An earlier entry has the event's key. */
  | { readonly kind: "duplicate"; readonly tail: Entry }
  /** The intent had nothing to do any more. */
  | { readonly kind: "void"; readonly tail: Entry };

/** The means of an append, and the transaction in which it is made. */
export interface Appending {
  readonly appender: Pick<Appender, "append">;
  /** Reads the tail in the caller's transaction, and keeps nothing of it. */
  readonly session?: unknown;
  /** Joins that transaction. */
  readonly fence?: Fence;
  /** The span above that of the transition. Default: the one around the call. */
  readonly under?: string | undefined;
  readonly traced?: RunStamp["traced"];
}

/** The error of a call for an actor that was not started, or that `retain.done` has removed. */
export function unknownActor(actor: string): LockstepError {
  return new LockstepError(
    "unknown-actor",
    `expected an actor "${actor}", found none: start it first`,
    { actor },
  );
}
