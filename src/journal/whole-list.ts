import { LockstepError } from "../errors.ts";
import { limits } from "../limits.ts";

/**
 * A list of which nothing is left out: what is decided by it (whether every gate is shut) is wrong for a part of it.
 * @throws LockstepError `database-not-supported`
 */
export function wholeList<Item>(collection: string, found: readonly Item[]): readonly Item[] {
  if (found.length <= limits.listMax) return found;
  throw new LockstepError(
    "database-not-supported",
    `expected at most ${limits.listMax} documents in the collection "${collection}" of the control database, found more: remove those that belong to nothing any more`,
    { collection, max: limits.listMax },
  );
}
