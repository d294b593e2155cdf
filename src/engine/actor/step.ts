import { cutTo, isLockstepError, messageOf } from "../../errors.ts";
import { limits } from "../../limits.ts";
import type { Entry, EntryReason, EventKind } from "../journal/entry.ts";
import type { LiveSystem } from "../system/live-system.ts";
import type { Cause, Outcome, RunStamp } from "../system/outcome.ts";
import { encode } from "../values/encode.ts";
import { checkSize } from "./entry-size.ts";

/** An event that an actor is to take, decided on its latest entry. */
export interface Intent {
  readonly kind: EventKind;
  readonly cause: Cause;
  readonly eventType: string;
  /** The event for the journal; its references name actors of the system that takes it. */
  readonly event?: unknown;
  /** The event where it is encoded already. */
  readonly eventText?: string;
  readonly key?: string;
}

/** The time and the nonce of an entry that is made. */
export interface EntryStamp {
  readonly nowMs: number;
  /** See `Entry.nonce`. */
  readonly nonce: string;
  readonly traced?: RunStamp["traced"];
}

/** The next entry of an actor, and what follows once it is durable. */
export interface Step {
  readonly entry: Entry;
  readonly closures: Outcome["closures"];
  readonly logged: Outcome["logged"];
  /** The length of the snapshot that the entry replaces. */
  readonly replacedLength: number;
}

/** Entries are made for each event, so that each of them is one literal: a spread costs several times as much. */
type Draft = { -readonly [Field in keyof Entry]: Entry[Field] };

function addEmitted(entry: Draft, { emitted }: Outcome): void {
  if (emitted.length > 0) entry.emitted = encode(emitted, { where: "emit" });
}

const createdType = "lockstep.created";

/**
 * The event of a start, as text.
 * @throws LockstepError `value-not-kept`
 */
export function createdEvent(input: unknown): string {
  return encode({ type: createdType, input }, { where: "start" });
}

/**
 * Revision 0 of an actor.
 * @throws LockstepError `value-not-kept`, `entry-too-large`
 */
export function firstStep(
  base: Pick<Entry, "actor" | "partition" | "machine" | "version" | "nonce">,
  outcome: Outcome,
  { event, nowMs }: { readonly event: string; readonly nowMs: number },
): Step {
  const { actor, partition, machine, version, nonce } = base;
  const { state, tags, status, snapshot, timers, work } = outcome;
  const entry: Draft = {
    actor,
    revision: 0,
    startedAtMs: nowMs,
    partition,
    machine,
    version,
    kind: "created",
    eventType: createdType,
    event,
    nonce,
    outcome: "applied",
    state,
    tags,
    status,
    snapshot,
    timers,
    work,
    atMs: nowMs,
    sinceMs: nowMs,
  };
  addEmitted(entry, outcome);
  checkSize(entry);
  return { entry, closures: outcome.closures, logged: outcome.logged, replacedLength: 0 };
}

/** The entry that stops an actor as it is. Its machine is not needed, so an actor that nobody can read can be stopped. */
export function stoppedStep(tail: Entry, stamp: EntryStamp): Step {
  const eventType = "lockstep.stopped";
  const entry = draftOf(tail, { kind: "stopped", eventType }, stamp);
  entry.event = JSON.stringify({ type: eventType });
  entry.status = "stopped";
  entry.timers = [];
  entry.work = tail.work.filter(({ kind }) => kind === "action");
  entry.sinceMs = stamp.nowMs;
  return stepOf(entry, tail);
}

/**
 * The entry of an action of an ended actor that was carried out, or null for anything else. An ended actor only loses
 * work. So its chart is not needed: a process with a newer version alone can end the work, though such an actor is
 * never migrated.
 */
export function carriedOutStep(tail: Entry, intent: Intent, stamp: EntryStamp): Step | null {
  const { cause, kind, eventType, key } = intent;
  if (cause.kind !== "carried-out" || tail.status === "active") return null;
  const eventText = intent.eventText ?? encode(intent.event, { where: "event" });
  const entry = draftOf(
    tail,
    { kind, eventType, eventText, ...(key !== undefined && { key }) },
    stamp,
  );
  entry.work = tail.work.filter(({ id }) => id !== cause.workId);
  return stepOf(entry, tail);
}

function stepOf(entry: Entry, tail: Entry): Step {
  return { entry, closures: [], logged: [], replacedLength: tail.snapshot?.length ?? 0 };
}

/** The entry that follows the tail where nothing but its event is new. */
function draftOf(
  tail: Entry,
  {
    kind,
    eventType,
    eventText = "",
    key,
  }: Pick<Intent, "kind" | "eventType" | "eventText" | "key">,
  { nowMs, nonce }: EntryStamp,
): Draft {
  const draft: Draft = {
    actor: tail.actor,
    revision: tail.revision + 1,
    startedAtMs: tail.startedAtMs,
    partition: tail.partition,
    machine: tail.machine,
    version: tail.version,
    kind,
    eventType,
    event: eventText,
    nonce,
    outcome: "applied",
    state: tail.state,
    tags: tail.tags,
    status: tail.status,
    snapshot: tail.snapshot,
    timers: tail.timers,
    work: tail.work,
    atMs: nowMs,
    sinceMs: tail.sinceMs,
  };
  if (key !== undefined) draft.eventKey = key;
  return draft;
}

/**
 * The entry that follows the tail. A caller's event that fails is rejected and changes nothing. Any other event that
 * fails ends the actor in `error`, as it does in XState: nobody would send it again.
 * @returns also whether the system went on, or has to be revived from the journal
 */
export function nextStep(
  live: LiveSystem,
  tail: Entry,
  intent: Intent,
  stamp: EntryStamp,
): { readonly step: Step; readonly isUsable: boolean } {
  const { actor, startedAtMs, revision } = tail;
  const { nowMs, traced } = stamp;
  try {
    const event = intent.eventText ?? live.encode(intent.event, "event");
    const run = { actor, startedAtMs, revision: revision + 1, nowMs, traced };
    const outcome = live.run(intent.cause, run);
    const { failure, state, status, closures, logged } = outcome;
    if (failure && intent.kind === "caller") throw failure.error;
    const entry = draftOf(tail, intent, stamp);
    entry.event = event;
    if (!outcome.taken) entry.outcome = "ignored";
    if (failure) entry.reason = reasonFor(failure.error);
    if (state !== tail.state || status !== tail.status) entry.sinceMs = nowMs;
    entry.state = state;
    entry.tags = outcome.tags;
    entry.status = status;
    entry.snapshot = outcome.snapshot;
    entry.timers = outcome.timers;
    entry.work = outcome.work;
    addEmitted(entry, outcome);
    checkSize(entry);
    const replacedLength = tail.snapshot?.length ?? 0;
    return { step: { entry, closures, logged, replacedLength }, isUsable: true };
  } catch (error) {
    return { step: failedStep(tail, intent, stamp, error), isUsable: false };
  }
}

/** The entry of an event that cannot be applied. */
function failedStep(tail: Entry, intent: Intent, stamp: EntryStamp, error: unknown): Step {
  const eventType = cutTo(intent.eventType, limits.eventTypeLengthMax);
  const entry = draftOf(tail, { ...intent, eventType, eventText: eventText(intent) }, stamp);
  entry.outcome = "rejected";
  entry.reason = reasonFor(error);
  if (intent.kind !== "caller") {
    entry.status = "error";
    entry.timers = [];
    entry.work = [];
    entry.sinceMs = stamp.nowMs;
  }
  return stepOf(entry, tail);
}

/** The event, or its type alone where it cannot be written down, or not beside what the actor has. */
function eventText({ event, eventText: known, eventType }: Intent): string {
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
