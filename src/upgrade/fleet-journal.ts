import { participantMachine } from "../../machines/participant.ts";
import { upgradeMachine } from "../../machines/upgrade.ts";
import { protocol } from "../../machines/vocabulary.ts";
import { JournalReader } from "../fleet-engine/read/read.ts";
import type { Readable } from "../fleet-engine/read/read-entry.ts";

export { isFinal } from "../fleet-engine/read/read.ts";

import { inspect } from "../fleet-engine/xstate-adapter.ts";
import { participantContextShape, upgradeContextShape } from "./protocol/context-shapes.ts";

/** Both machines, in each protocol that this build can go on with. */
export const shipped = {
  upgrade: { machine: upgradeMachine, protocol, context: upgradeContextShape },
  participant: { machine: participantMachine, protocol, context: participantContextShape },
} as const;

function withEffects(known: Omit<Readable, "effects">): Readable {
  const names = inspect(known.machine).actions;
  return { ...known, effects: Object.fromEntries(names.map((name) => [name, true])) };
}

/** Reads the fleet's journals. */
export const fleetJournal = new JournalReader({
  upgrade: withEffects(shipped.upgrade),
  participant: withEffects(shipped.participant),
});

/** Why this build cannot read a journal entry, or null. */
export const unreadable = fleetJournal.unreadable.bind(fleetJournal);

/**
 * The context in a journal entry's snapshot.
 * @throws LockstepError `entry-not-readable`
 */
export const contextOf: typeof fleetJournal.contextOf = fleetJournal.contextOf.bind(fleetJournal);

/**
 * An actor of the fleet as a journal entry shows it.
 * @throws LockstepError `entry-not-readable`
 */
export const viewOf: typeof fleetJournal.viewOf = fleetJournal.viewOf.bind(fleetJournal);

/**
 * True once the actor has moved for the last time and its last effects are done, or where only another build can do
 * them.
 */
export const isOver = fleetJournal.isOver.bind(fleetJournal);
