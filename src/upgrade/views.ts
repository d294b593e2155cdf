import type { Entry } from "../store/store.ts";
import type { ActorView } from "./derive.ts";

const contexts = new WeakMap<Entry, unknown>();

/** The context in a journal entry's snapshot; an entry never changes, so it is read once. */
export function contextOf<Context>(entry: Entry): Context {
  const known = contexts.get(entry);
  if (known !== undefined) return known as Context;
  const { context } = JSON.parse(entry.snapshot) as { context: Context };
  contexts.set(entry, context);
  return context;
}

/** A journal entry as others read it. */
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
  return entry.status !== "active";
}

/** True once the actor has moved for the last time, and what it wanted then is done. */
export function isOver(entry: Entry): boolean {
  return isFinal(entry) && entry.effects.length === 0;
}

/** When the actor entered the state it is in. */
export function enteredAt(entries: readonly Entry[]): number {
  const last = entries.at(-1);
  const before = entries.findLastIndex((entry) => entry.state !== last?.state);
  return entries[before + 1]?.at ?? last?.at ?? 0;
}
