import type { EventKey } from "../../src/fleet-engine/event-key.ts";
import type { Entry } from "../../src/journal/store.ts";

/** The key in a journal entry, for a transition that is made again. */
export function eventKeyOf({ eventKey }: Entry): { readonly eventKey?: EventKey } {
  return eventKey === undefined ? {} : { eventKey: eventKey as EventKey };
}
