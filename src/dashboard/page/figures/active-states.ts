import { activeStatesOf } from "../../../operator/actors/state-names.ts";

/** The innermost of some active states, by the names that a chart gives them. Pure. */
export function leavesOf(active: readonly string[]): readonly string[] {
  return active.filter((name) => !active.some((other) => other.startsWith(`${name}.`)));
}

/** A state as the database has it, by its innermost active states. Pure. */
export function stateWords(state: string): string {
  return leavesOf(activeStatesOf(state)).join(", ");
}
