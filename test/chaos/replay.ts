import { LockstepError } from "../../src/errors.ts";
import {
  type Definition,
  firstTransition,
  nextTransition,
  rejectedStep,
  takeoverTransition,
} from "../../src/fleet-engine/transition.ts";
import type { Entry } from "../../src/journal/store.ts";
import type { AgentWorld } from "../../src/upgrade/agent-world.ts";
import { fleetMachines } from "../../src/upgrade/fleet-machines.ts";
import { eventKeyOf } from "../support/event-key-of.ts";

/** Both machines with their control writes; nothing of them is run here. */
const definitions: Readonly<Record<string, Definition>> = fleetMachines({} as AgentWorld);

/** As the store gives it back: what was undefined is null or gone, the order of keys means nothing. */
function plain(value: unknown): unknown {
  if (value === undefined || value === null) return null;
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, field]) => field !== undefined && field !== null)
      .map(([key, field]) => [key, plain(field)] as const)
      .toSorted(([left], [right]) => (left < right ? -1 : 1)),
  );
}

function made(before: Entry | undefined, entry: Entry): Entry {
  const definition = definitions[entry.machine];
  if (definition === undefined) throw new Error(`no machine is named "${entry.machine}"`);
  const { epoch, at, build, by } = entry;
  const stamp = {
    ...{ epoch, at },
    ...eventKeyOf(entry),
    ...(build === undefined ? {} : { build }),
    ...(by === undefined ? {} : { by }),
  };
  if (before === undefined) {
    const { input } = entry.event as { input?: unknown };
    const { actor, machine, owner } = entry;
    return firstTransition(definition, { actor, machine, owner }, input, stamp).entry;
  }
  if (entry.outcome === "takeover") return takeoverTransition(before, stamp).entry;
  const { reason } = entry;
  if (reason?.code === "entry-too-large") {
    // The part that made it too large was not written down.
    const error = new LockstepError(reason.code, reason.message, reason.details);
    return rejectedStep(before, entry.event, error, stamp).entry;
  }
  return nextTransition(definition, before, entry.event, stamp).entry;
}

/**
 * Replays one actor's journal through its machine. Pure.
 * @returns the entries that the machine would not have made, with what it makes instead
 */
export function replay(entries: readonly Entry[]): readonly string[] {
  return entries.flatMap((entry, index) => {
    const where = `${entry.actor}@${entry.revision} (${entry.event.type})`;
    try {
      const expected = plain(made(entries[index - 1], entry)) as Record<string, unknown>;
      const recorded = plain(entry) as Record<string, unknown>;
      const fields = [...new Set([...Object.keys(expected), ...Object.keys(recorded)])];
      return fields.flatMap((field) => {
        const [left, right] = [expected, recorded].map((side) => JSON.stringify(side[field]));
        return left === right ? [] : [`${where}: ${field} is ${right}, the machine makes ${left}`];
      });
    } catch (error) {
      return [`${where}: ${String(error)}`];
    }
  });
}
