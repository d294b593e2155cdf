import { fleetJournal } from "./readable.ts";

export { isFinal } from "../engine/read.ts";
export { contextOf } from "./readable.ts";

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
