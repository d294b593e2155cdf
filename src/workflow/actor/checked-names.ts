import { LockstepError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import type { Entry } from "../journal/entry.ts";

/**
 * The id of an actor. The database would write half of a surrogate pair as another character, and so as another id.
 * @throws LockstepError `bad-argument`
 */
export function checkedId(id: string): string {
  const isFine =
    id.length > 0 && id.length <= limits.actorIdLengthMax && !/[\p{Cc}\p{Cs}]/u.test(id);
  if (isFine) return id;
  throw new LockstepError(
    "bad-argument",
    `expected an actor's id of 1 to ${limits.actorIdLengthMax} characters, none of them a control character or half of a surrogate pair, found ${JSON.stringify(id.slice(0, 100))}`,
  );
}

/**
 * The key of an event or a start.
 * @throws LockstepError `bad-argument`
 */
export function checkedKey(key: string): string {
  const isFine = key.length > 0 && key.length <= limits.eventKeyLengthMax && !/\p{Cs}/u.test(key);
  if (isFine) return key;
  throw new LockstepError(
    "bad-argument",
    `expected an event's key of 1 to ${limits.eventKeyLengthMax} characters, none of them half of a surrogate pair, found ${JSON.stringify(key.slice(0, 100))} of ${key.length}: choose another`,
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
