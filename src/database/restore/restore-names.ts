/** The prefix of collections that a restore loads beside the live ones, until they are swapped in. */
export const loadedPrefix = "lockstep_restore.";

/** The prefix of collections that a restore has replaced, until all is proven. */
export const replacedPrefix = "lockstep_replaced.";

/** True for a collection that a restore has made beside the application's. Pure. */
export function isOfRestore(name: string): boolean {
  return name.startsWith(loadedPrefix) || name.startsWith(replacedPrefix);
}

/** The epoch of the master that made it. Pure. */
export function epochOfRestore(name: string): number {
  return Number(name.split(".")[1]);
}
