/** What a restore loads beside the live collections, until it is swapped in. */
export const loadedPrefix = "lockstep_restore.";

/** What a restore has put aside, until all is proven. */
export const replacedPrefix = "lockstep_replaced.";

/** True for a collection that a restore has made beside the application's. Pure. */
export function isOfRestore(name: string): boolean {
  return name.startsWith(loadedPrefix) || name.startsWith(replacedPrefix);
}

/** The epoch of whoever made it. Pure. */
export function epochOfRestore(name: string): number {
  return Number(name.split(".")[1]);
}
