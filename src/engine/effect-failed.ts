import type { EventObject } from "xstate";

/** The part of a failure that a journal may hold. */
export interface FailureReason {
  readonly code: string;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
}

const type = "effectFailed";

/** The event that says that an effect has failed for good: it is not tried again. */
export function effectFailed(effect: string, reason: FailureReason): EventObject {
  const event = { type, effect, reason };
  return event;
}

/** True for what `effectFailed` makes. */
export function isEffectFailed(event: EventObject): boolean {
  return event.type === type;
}
