import { LockstepError } from "../errors.ts";
import { type Definition, reservedActions } from "./transition.ts";
import { inspect } from "./xstate-adapter.ts";

/**
 * Refuses a machine that uses features which the engine does not make durable, and names them.
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
      `machine "${name}" uses features that the engine does not support: ${refused.join(", ")}: use named actions and results as events`,
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
      `machine "${name}" asks for actions without an implementation: ${missing.join(", ")}: add them to its effects or writes`,
      { machine: name, missing },
    );
  }
}
