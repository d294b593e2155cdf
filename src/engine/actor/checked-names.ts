import { LockstepError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import type { Entry } from "../journal/entry.ts";

/** True for a text of one character or more. Callers without types may give anything. */
function hasLength(value: unknown, lengthMax: number): boolean {
  return typeof value === "string" && value.length > 0 && value.length <= lengthMax;
}

function shown(value: unknown): string {
  if (typeof value !== "string") return `a value of the type ${typeof value}`;
  return `${JSON.stringify(value.slice(0, 100))} of ${value.length}`;
}

/**
 * The id of an actor. The database would write half of a surrogate pair as another character, and so as another id.
 * @throws LockstepError `bad-argument`
 */
export function checkedId(id: string): string {
  const isFine = hasLength(id, limits.actorIdLengthMax) && !/[\p{Cc}\p{Cs}]/u.test(id);
  if (isFine) return id;
  throw new LockstepError(
    "bad-argument",
    `expected an actor's id of 1 to ${limits.actorIdLengthMax} characters, none of them a control character or half of a surrogate pair, found ${shown(id)}`,
  );
}

/**
 * The key of an event or a start.
 * @throws LockstepError `bad-argument`
 */
export function checkedKey(key: string): string {
  const isFine = hasLength(key, limits.eventKeyLengthMax) && !/\p{Cs}/u.test(key);
  if (isFine) return key;
  throw new LockstepError(
    "bad-argument",
    `expected an event's key of 1 to ${limits.eventKeyLengthMax} characters, none of them half of a surrogate pair, found ${shown(key)}: choose another`,
  );
}

/** True for a type of events that callers send. Of XState's own types, `xstate.route` is one: it leads to a state with a `route`. */
export function isCallersType(type: string): boolean {
  return type === "xstate.route" || !/^(xstate|lockstep)\./.test(type);
}

/**
 * A whole number of an option.
 * @throws LockstepError `bad-argument`
 */
export function checkedFigure(name: string, value: number, least: number): number {
  if (Number.isInteger(value) && value >= least) return value;
  throw new LockstepError(
    "bad-argument",
    `${name}: expected a whole number of at least ${least}, found ${String(value)}`,
  );
}

/**
 * An actor is used with the machine that it is one of.
 * @throws LockstepError `bad-argument`
 */
export function checkMachine(
  { actor, machine }: Pick<Entry, "actor" | "machine">,
  { name }: { readonly name: string },
): void {
  if (machine === name) return;
  throw new LockstepError(
    "bad-argument",
    `expected "${actor}" to be an actor of "${name}", found that it is one of "${machine}": use that machine`,
    { actor, machine },
  );
}
