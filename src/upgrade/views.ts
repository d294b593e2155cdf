import { isAtEnd } from "../journal/entry-shape.ts";
import type { Entry } from "../journal/store.ts";
import type { ActorView } from "./protocol/derive.ts";
import { contextOf, unreadable } from "./readable.ts";

export { contextOf } from "./readable.ts";

/**
 * A journal entry as others read it.
 * @throws LockstepError `entry-not-readable`
 */
export function viewOf<Context>(entry: Entry): ActorView<Context> {
  return {
    actor: entry.actor,
    revision: entry.revision,
    state: entry.state,
    context: contextOf<Context>(entry),
    at: entry.at,
  };
}

/** True once the actor can move no more. */
export function isFinal(entry: Entry): boolean {
  return isAtEnd(entry);
}

/**
 * True once the actor has moved for the last time, and what it wanted then is done; or is for another build to do,
 * where this one cannot read it.
 */
export function isOver(entry: Entry): boolean {
  return isFinal(entry) && (unreadable(entry) !== null || entry.effects.length === 0);
}

/** When the actor entered the state it is in. */
export function enteredAt(entries: readonly Entry[]): number {
  const last = entries.at(-1);
  const before = entries.findLastIndex((entry) => entry.state !== last?.state);
  return entries[before + 1]?.at ?? last?.at ?? 0;
}
