import { LockstepError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import type { ActorsQuery } from "../../operator/actors/list.ts";
import type { EventByHand, Receiver } from "../../operator/actors/send-event.ts";
import { actorStatuses } from "../../operator/actors/statuses.ts";
import { eventOfText } from "../../operator/actors/texts/event-text.ts";
import { fields, oneOf, optional, text } from "../../shape.ts";

type Queried = (name: string) => string | undefined;

/** An event that a person sends in the page, and the actor as the page showed it. */
export interface EventRequest {
  readonly id: string;
  /** The event as JSON. */
  readonly event: string;
  /** Makes the event count once, also where its answer was lost and it is sent again. */
  readonly key: string;
  readonly seen: Pick<Receiver, "version" | "state" | "status">;
}

const queryShape = fields<Record<"machine" | "state" | "tag" | "status" | "after", string>>({
  machine: optional(text),
  state: optional(text),
  tag: optional(text),
  status: optional(oneOf(...actorStatuses)),
  after: optional(text),
});

/**
 * The choice of actors in the query of a URL. Nothing is as good as a part that is empty.
 * @throws LockstepError `bad-argument`
 */
export function actorsQueryOf(queried: Queried): ActorsQuery {
  const names = ["machine", "state", "tag", "status", "after"] as const;
  const parts = names.map((name) => [name, queried(name) || undefined] as const);
  const given = Object.fromEntries(parts.filter(([, value]) => value !== undefined));
  const wrong = queryShape(given, "");
  if (wrong !== null) throw new LockstepError("bad-argument", wrong);
  return { ...given, limit: limits.dashboardActorsMax };
}

/**
 * The revision before which a page of the journal ends, in the query of a URL. Null: it ends with the latest one.
 * @throws LockstepError `bad-argument`
 */
export function beforeOf(queried: Queried): number | null {
  const given = queried("before") || null;
  if (given === null) return null;
  const before = /^\d{1,15}$/.test(given) ? Number(given) : 0;
  if (before >= 1) return before;
  throw new LockstepError(
    "bad-argument",
    `expected before to be a revision from 1 on, found "${given.slice(0, limits.shownReasonLengthMax)}"`,
  );
}

const requestShape = fields<EventRequest>({
  id: text,
  event: text,
  key: text,
  seen: fields<EventRequest["seen"]>({
    version: text,
    state: text,
    status: oneOf(...actorStatuses),
  }),
});

/**
 * Checks the body of a request to send an event.
 * @throws LockstepError `bad-argument`
 */
export function readEventRequest(
  body: unknown,
): Omit<EventByHand, "exports"> & Pick<EventRequest, "seen"> {
  const wrong = requestShape(body, "the request");
  if (wrong !== null) throw new LockstepError("bad-argument", wrong);
  const { id, event, key, seen } = body as EventRequest;
  return { id, key, seen, event: eventOfText(event, 'write it as {"type":"PAY"}') };
}

/**
 * A page may show an actor that has moved since, and then nothing is sent.
 * @throws LockstepError `wrong-state`
 */
export function requireSeen(receiver: Receiver, seen: EventRequest["seen"]): void {
  const { id, version, state, status } = receiver;
  if (version === seen.version && state === seen.state && status === seen.status) return;
  const of = (each: EventRequest["seen"]) => `${each.state} (${each.status}, ${each.version})`;
  throw new LockstepError(
    "wrong-state",
    `expected "${id}" in ${of(seen)}, as the page showed it, found it in ${of(receiver)}: look at it again`,
    { actor: id, state, status, version },
  );
}
