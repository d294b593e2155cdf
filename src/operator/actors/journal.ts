import type { Entry, EntryReason, PastEntry } from "../../engine/journal/entry.ts";
import type { EngineStore } from "../../engine/journal/store.ts";
import { type Reading, tailOf } from "./reading.ts";
import { keptJsonOf, keptTextOf } from "./texts/kept-text.ts";

/** One transition of an actor, as the journal has it. */
interface Transition extends Pick<PastEntry, "revision" | "kind" | "outcome" | "state"> {
  readonly at: Date;
  readonly type: string;
  readonly status: Entry["status"];
  readonly version: string;
  readonly reason: EntryReason | null;
}

/** A transition with its whole event. */
export interface ShownEvent extends Transition {
  /** The event in the journal's form of JSON. */
  readonly event: unknown;
}

/** A transition for a page, on which an event has bounds. */
export interface PagedTransition extends Transition {
  /** The event for people, as Node prints values. */
  readonly event: string;
}

/** Some transitions of one actor, the latest at the end. */
export interface JournalPage {
  readonly transitions: readonly PagedTransition[];
  /** The page before this one ends before this revision. Null: there is none. */
  readonly before: number | null;
  /** The number of transitions between the first one and this page that `retain.history` has deleted. */
  readonly deleted: number;
}

/** The entries of an actor from a revision on, before another one. Each page of the store has bounds of its own. */
export async function* entriesBetween(
  store: Pick<EngineStore, "entries">,
  id: string,
  first: number,
  end: number,
): AsyncGenerator<PastEntry> {
  for (let next = first; next < end; ) {
    const page = await store.entries(id, next, end - next);
    yield* page.filter(({ revision }) => revision < end);
    next = (page.at(-1)?.revision ?? end) + 1;
  }
}

function transitionOf(entry: PastEntry): Transition {
  const { revision, kind, outcome, state, status, version, eventType: type, atMs, reason } = entry;
  return {
    ...{ revision, at: new Date(atMs), kind, type, outcome, state, status, version },
    reason: reason ?? null,
  };
}

/** The transitions of an actor from a revision on, before another one. */
export async function transitionsBetween(
  store: Pick<EngineStore, "entries">,
  id: string,
  first: number,
  end: number,
): Promise<readonly ShownEvent[]> {
  const found: ShownEvent[] = [];
  for await (const entry of entriesBetween(store, id, first, end)) {
    found.push({ ...transitionOf(entry), event: keptJsonOf(entry.event) });
  }
  return found;
}

/**
 * One page of the transitions of an actor, the latest first page.
 * @param before the page ends before this revision. Null: it ends with the latest one
 * @throws LockstepError `unknown-actor`, `bad-argument`, `record-broken`
 */
export async function journalOf(
  { store }: Pick<Reading, "store">,
  id: string,
  before: number | null,
  limit: number,
): Promise<JournalPage> {
  const { revision } = await tailOf(store, id);
  const end = Math.min(before ?? revision + 1, revision + 1);
  // The first entry stays as long as the actor. What was between it and the second one that is kept was deleted.
  const [second] = await store.entries(id, 1, 1);
  const keptFrom = second?.revision ?? 0;
  const first = Math.max(0, end - limit);
  const isAtBegin = first <= keptFrom;
  const transitions: PagedTransition[] = [];
  for await (const entry of entriesBetween(store, id, isAtBegin ? 0 : first, end)) {
    transitions.push({ ...transitionOf(entry), event: keptTextOf(entry.event) });
  }
  return {
    transitions,
    before: isAtBegin ? null : first,
    deleted: isAtBegin && revision > 0 ? Math.max(0, keptFrom - 1) : 0,
  };
}
