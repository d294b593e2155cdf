import { LockstepError } from "../errors.ts";
import { limits } from "../limits.ts";

/**
 * Refuses a list that is cut off: a decision by a part of it, as whether every gate is shut, would be wrong.
 * @throws LockstepError `database-not-supported`
 */
export function wholeList<Item>(collection: string, found: readonly Item[]): readonly Item[] {
  if (found.length <= limits.listMax) return found;
  throw new LockstepError(
    "database-not-supported",
    `expected at most ${limits.listMax} documents in the collection "${collection}" of the control database, found more: remove those that nothing needs any more`,
    { collection, max: limits.listMax },
  );
}
