import { rcompare } from "semver";
import type { AnyStateMachine } from "xstate";
import { type DurableMachine, isDurable } from "../../engine/definition/durable.ts";
import { isMachine } from "../../engine/system/xstate/xstate-internals.ts";

type Exports = Readonly<Record<string, unknown>>;

/** The durable machines among the exports of a module, also in lists, by their names, the newest version first. */
export function durableMachinesOf(
  exports: Exports,
): ReadonlyMap<string, readonly DurableMachine[]> {
  const byName = new Map<string, readonly DurableMachine[]>();
  for (const machine of new Set(Object.values(exports).flat().filter(isDurable))) {
    const versions = [...(byName.get(machine.name) ?? []), machine];
    byName.set(
      machine.name,
      versions.toSorted((one, other) => rcompare(one.version, other.version)),
    );
  }
  return byName;
}

/**
 * The machines of XState among the exports of a module, by name. Of a durable machine that is the newest version, under the name by
 * which it is stored.
 */
export function machinesOf(exports: Exports): ReadonlyMap<string, AnyStateMachine> {
  const found = new Map<string, AnyStateMachine>();
  const durable = new Set<AnyStateMachine>();
  for (const [name, versions] of durableMachinesOf(exports)) {
    for (const { machine } of versions) durable.add(machine);
    const [newest] = versions;
    if (newest) found.set(name, newest.machine);
  }
  for (const machine of Object.values(exports).flat()) {
    if (!isMachine(machine) || durable.has(machine)) continue;
    if (!found.has(machine.id)) found.set(machine.id, machine);
  }
  return found;
}
