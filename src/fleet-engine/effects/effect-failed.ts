import type { EventObject } from "xstate";
import type { Reason } from "../../errors.ts";

const type = "effectFailed";

/** The event of an effect that has failed for good. The engine does not try the effect again. */
export interface EffectFailure {
  readonly type: typeof type;
  readonly effect: string;
  readonly reason: Reason;
}

export function effectFailed(effect: string, reason: Reason): EffectFailure {
  return { type, effect, reason };
}

/** True for what `effectFailed` makes. */
export function isEffectFailed(event: EventObject): boolean {
  return event.type === type;
}
