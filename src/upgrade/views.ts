import type { Entry } from "../store/store.ts";
import type { ActorView } from "./derive.ts";

/** The context in a journal entry's snapshot. */
export function contextOf<Context>(entry: Entry): Context {
  return (JSON.parse(entry.snapshot) as { context: Context }).context;
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
