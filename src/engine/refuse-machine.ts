import { LockstepError } from "../errors.ts";
import { type Definition, reservedActions } from "./transition.ts";
import { inspect } from "./xstate-adapter.ts";

/**
 * Refuses by name what the engine does not make durable.
 * @throws LockstepError `machine-not-supported`
 */
export function refuseMachine(
  name: string,
  definition: Definition,
  effects: Readonly<Record<string, unknown>>,
): void {
  const { actions, refused } = inspect(definition.machine);
  if (refused.length > 0) {
    throw new LockstepError(
      "machine-not-supported",
      `machine "${name}" uses what the engine does not carry: ${refused.join(", ")}: use named actions and results as events`,
      { machine: name, refused },
    );
  }
  const known = new Set<string>([
    ...reservedActions,
    ...Object.keys(definition.writes ?? {}),
    ...Object.keys(effects),
  ]);
  const missing = actions.filter((action) => !known.has(action));
  if (missing.length > 0) {
    throw new LockstepError(
      "machine-not-supported",
      `machine "${name}" asks for actions that nobody implements: ${missing.join(", ")}`,
      { machine: name, missing },
    );
  }
}
