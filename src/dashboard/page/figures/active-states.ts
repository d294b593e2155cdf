/** The innermost of some active states, by the names that a chart gives them. Pure. */
export function leavesOf(active: readonly string[]): readonly string[] {
  return active.filter((name) => !active.some((other) => other.startsWith(`${name}.`)));
}
