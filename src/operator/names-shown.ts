import { limits } from "../limits.ts";

/** The first of some names, and how many there are beside them. Pure. */
export function namesShown(names: readonly string[]): string {
  const left = names.length - limits.namesShownMax;
  const shown = names.slice(0, limits.namesShownMax).join(", ");
  return left > 0 ? `${shown} and ${left} more` : shown;
}
