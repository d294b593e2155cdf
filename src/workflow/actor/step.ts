import { cutTo, isLockstepError, messageOf } from "../../errors.ts";
import { limits } from "../../limits.ts";
import type { Entry, EntryReason, EventKind } from "../journal/entry.ts";
import type { LiveSystem } from "../system/live-system.ts";
import type { Cause, Outcome } from "../system/outcome.ts";
import { encode } from "../values/encode.ts";
import { checkSize } from "./entry-size.ts";

/** An event on its way to an actor. */
export interface Incoming {
  readonly kind: EventKind;
  readonly cause: Cause;
  readonly eventType: string;
  /** The event for the journal; its references name actors of the system that takes it. */
  readonly event?: unknown;
  /** The event where it is encoded already. */
  readonly eventText?: string;
  readonly key?: string;
  readonly nowMs: number;
  /** See `Entry.nonce`. */
  readonly nonce: string;
}

/** The next entry of an actor, and what follows once it is durable. */
export interface Step {
  readonly entry: Entry;
  readonly closures: Outcome["closures"];
  readonly logged: Outcome["logged"];
  /** The length of the snapshot that the entry replaces. */
  readonly replacedLength: number;
}

/** The parts of an entry that stay the same for an actor, and those of the event. */
type Base = Pick<
  Entry,
  "actor" | "startedAtMs" | "revision" | "partition" | "machine" | "version" | "kind" | "nonce"
>;

function stateOf(outcome: Outcome, nowMs: number, tail: Entry | undefined) {
  const { state, tags, status, snapshot, timers, work, emitted } = outcome;
  const sinceMs = tail?.state === state && tail.status === status ? tail.sinceMs : nowMs;
  const news = emitted.length === 0 ? {} : { emitted: encode(emitted, { where: "emit" }) };
  return { state, tags, status, snapshot, timers, work, ...news, atMs: nowMs, sinceMs };
}

/**
 * Revision 0 of an actor.
 * @throws LockstepError `value-not-kept`, `entry-too-large`
 */
export function firstStep(
  base: Pick<Entry, "actor" | "partition" | "machine" | "version" | "nonce">,
  outcome: Outcome,
  { input, nowMs }: { readonly input: unknown; readonly nowMs: number },
): Step {
  const entry: Entry = {
    ...base,
    ...{
      startedAtMs: nowMs,
      revision: 0,
      kind: "created",
      eventType: "lockstep.created",
      outcome: "applied",
    },
    event: encode({ type: "lockstep.created", input }, { where: "input" }),
    ...stateOf(outcome, nowMs, undefined),
  };
  checkSize(entry);
  return { entry, closures: outcome.closures, logged: outcome.logged, replacedLength: 0 };
}

/** The entry that stops an actor as it is. Its machine is not needed, so an actor that nobody can read can be stopped. */
export function stoppedStep(tail: Entry, nowMs: number, nonce: string): Step {
  const { state, tags, snapshot, work } = tail;
  const eventType = "lockstep.stopped";
  const entry: Entry = {
    ...baseOf(tail, { kind: "stopped", eventType, nonce }),
    ...{ event: JSON.stringify({ type: eventType }), outcome: "applied", status: "stopped" },
    ...{ state, tags, snapshot, timers: [], atMs: nowMs, sinceMs: nowMs },
    work: work.filter(({ kind }) => kind === "action"),
  };
  return { entry, closures: [], logged: [], replacedLength: snapshot?.length ?? 0 };
}

function baseOf(
  tail: Entry,
  { kind, eventType, key, nonce }: Pick<Incoming, "kind" | "eventType" | "key" | "nonce">,
) {
  const { actor, startedAtMs, partition, machine, version } = tail;
  const revision = tail.revision + 1;
  const base: Base = { actor, startedAtMs, partition, machine, version, kind, revision, nonce };
  return { ...base, eventType, ...(key === undefined ? {} : { eventKey: key }) };
}

/**
 * The entry that follows the tail. A caller's event that fails is rejected and changes nothing. Any other event that
 * fails ends the actor in `error`, as it does in XState: nobody would send it again.
 * @returns also whether the system went on, or has to be revived from the journal
 */
export function nextStep(
  live: LiveSystem,
  tail: Entry,
  incoming: Incoming,
): { readonly step: Step; readonly isUsable: boolean } {
  const { actor, startedAtMs, revision } = tail;
  const stamp = { actor, startedAtMs, revision: revision + 1, nowMs: incoming.nowMs };
  try {
    const event = incoming.eventText ?? live.encode(incoming.event, "event");
    const outcome = live.run(incoming.cause, stamp);
    const isRefused = outcome.failure !== null && incoming.kind === "caller";
    if (outcome.failure && isRefused) throw outcome.failure.error;
    const entry: Entry = {
      ...baseOf(tail, incoming),
      event,
      outcome: outcome.taken ? "applied" : "ignored",
      ...(outcome.failure ? { reason: reasonFor(outcome.failure.error) } : {}),
      ...stateOf(outcome, incoming.nowMs, tail),
    };
    checkSize(entry);
    const { closures, logged } = outcome;
    const replacedLength = tail.snapshot?.length ?? 0;
    return { step: { entry, closures, logged, replacedLength }, isUsable: true };
  } catch (error) {
    return { step: failedStep(tail, incoming, error), isUsable: false };
  }
}

/** The entry of an event that cannot be applied. */
function failedStep(tail: Entry, incoming: Incoming, error: unknown): Step {
  const { nowMs, kind, eventType } = incoming;
  const { state, tags, snapshot, timers, work, sinceMs } = tail;
  const isRejected = kind === "caller";
  const entry: Entry = {
    ...baseOf(tail, { ...incoming, eventType: cutTo(eventType, limits.eventTypeLengthMax) }),
    event: eventText(incoming),
    outcome: "rejected",
    reason: reasonFor(error),
    ...{ state, tags, snapshot, atMs: nowMs },
    ...(isRejected
      ? { status: tail.status, timers, work, sinceMs }
      : { status: "error", timers: [], work: [], sinceMs: nowMs }),
  };
  return { entry, closures: [], logged: [], replacedLength: snapshot?.length ?? 0 };
}

/** The event, or its type alone where it cannot be written down, or not beside what the actor has. */
function eventText({ event, eventText: known, eventType }: Incoming): string {
  const alone = JSON.stringify({ type: cutTo(eventType, limits.eventTypeLengthMax) });
  try {
    const text = known ?? encode(event);
    return text.length > limits.rejectedEventLengthMax ? alone : text;
  } catch {
    return alone;
  }
}

export function reasonFor(error: unknown): EntryReason {
  const code = isLockstepError(error) ? error.code : "event-rejected";
  return { code, message: cutTo(messageOf(error), limits.reasonMessageLengthMax) };
}
