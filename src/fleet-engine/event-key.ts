import { LockstepError } from "../errors.ts";
import { limits } from "../limits.ts";

/**
 * The key of an event. An actor takes each key once. Results of effects, fired timers and the keys of callers are
 * three kinds, so they never collide.
 */
export type EventKey = `effect:${string}` | `timer:${string}` | `caller:${string}`;

/** The key of an effect's result. */
export function effectKey(id: string): EventKey {
  return `effect:${id}`;
}

/** The key of a timer that has fired. */
export function timerKey(id: string): EventKey {
  return `timer:${id}`;
}

/**
 * The key that a caller chose for its event.
 * @throws LockstepError `bad-argument` where it is empty or too long
 */
export function callerKey(key: string): EventKey {
  if (key.length === 0 || key.length > limits.eventKeyLengthMax) {
    throw new LockstepError(
      "bad-argument",
      `expected an event's key of 1 to ${limits.eventKeyLengthMax} characters, got ${key.length}: choose another`,
    );
  }
  return `caller:${key}`;
}
