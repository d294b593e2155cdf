import { participantMachine } from "../../machines/participant.ts";
import { upgradeMachine } from "../../machines/upgrade.ts";
import { protocol } from "../../machines/vocabulary.ts";
import { type Readable, readEntry } from "../engine/readable.ts";
import { inspect } from "../engine/xstate-adapter.ts";
import { LockstepError } from "../errors.ts";
import type { Entry } from "../journal/store.ts";
import { agentContextShape, upgradeContextShape } from "./protocol/context-shapes.ts";

/** Both machines, in each protocol that this build can go on with. */
export const shipped = {
  upgrade: { machine: upgradeMachine, protocol, context: upgradeContextShape },
  agent: { machine: participantMachine, protocol, context: agentContextShape },
} as const;

function withEffects(known: Omit<Readable, "effects">): Readable {
  const names = inspect(known.machine).actions;
  return { ...known, effects: Object.fromEntries(names.map((name) => [name, true])) };
}

const machines: Readonly<Record<string, Readable>> = {
  upgrade: withEffects(shipped.upgrade),
  agent: withEffects(shipped.agent),
};

type Read = ReturnType<typeof readEntry>;
/** An entry never changes, so it is read once. */
const known = new WeakMap<Entry, Read>();

function readOnce(entry: Entry): Read {
  const read = known.get(entry) ?? readEntry(machines, entry);
  known.set(entry, read);
  return read;
}

/** Why this build cannot read a journal entry, or null. */
export function unreadable(entry: Entry): LockstepError | null {
  const read = readOnce(entry);
  return read instanceof LockstepError ? read : null;
}

/**
 * The context in a journal entry's snapshot.
 * @throws LockstepError `entry-not-readable`
 */
export function contextOf<Context>(entry: Entry): Context {
  const read = readOnce(entry);
  if (read instanceof LockstepError) throw read;
  return read.context as Context;
}
