import { limits } from "../../limits.ts";
import type { DurableMachine } from "../../workflow/definition/durable.ts";
import type { Why } from "../../workflow/engine-api.ts";
import type { Entry, EntryReason, PastEntry } from "../../workflow/journal/entry.ts";
import type { WorkflowStore } from "../../workflow/journal/store.ts";
import { type KeptValues, keptJsonOf, keptValuesOf } from "./kept-text.ts";
import { type Reading, readerOf, tailOf } from "./reading.ts";

/** The process that runs the timers and the work of an actor. */
export interface OwningWorker {
  readonly name: string;
  readonly host: string;
  readonly pid: number;
  /** False once its lease has run out: another worker will take its actors over. */
  readonly isAlive: boolean;
}

/** An actor between two transitions. */
interface Standing extends Pick<Why, "state" | "status" | "since" | "timers" | "work"> {
  readonly id: string;
  readonly machine: string;
  readonly version: string;
  readonly database: string;
  /** Null: no worker owns the actor's part of its machine. */
  readonly worker: OwningWorker | null;
  /** By the database's clock. */
  readonly nowMs: number;
}

/** The events, timers and work that can move an actor, as far as this process can tell. */
export interface ActorWhy extends Standing, Pick<Why, "lack" | "isStuck"> {
  /** The types of events that its state takes. Null: this process cannot tell. */
  readonly events: readonly string[] | null;
  /** Why this process cannot tell the events, although it has machines. */
  readonly reason: EntryReason | null;
}

/** One transition of an actor, as the journal has it. */
export interface ShownEvent extends Pick<PastEntry, "revision" | "kind" | "outcome" | "state"> {
  readonly at: Date;
  readonly type: string;
  /** The event in the journal's form of JSON. */
  readonly event: unknown;
  readonly status: Entry["status"];
  readonly version: string;
  readonly reason: EntryReason | null;
}

/** One actor, without its machine. */
export interface ShownActor extends Standing {
  readonly revision: number;
  readonly tags: readonly string[];
  readonly started: Date;
  /** Why its last event was rejected, or why it is in error. */
  readonly reason: EntryReason | null;
  readonly values: KeptValues;
  /** The last transitions, the latest at the end. */
  readonly history: readonly ShownEvent[];
}

async function workerOf(store: WorkflowStore, partition: string): Promise<OwningWorker | null> {
  const owned = (await store.partitions()).find((each) => each.partition === partition);
  const found = (await store.workers()).find(({ worker }) => worker === owned?.worker);
  if (found === undefined) return null;
  const { worker: name, host, pid, isExpired } = found;
  return { name, host, pid, isAlive: !isExpired };
}

/** The actor's standing, and the rest of the answer to why. */
async function standingOf(reading: Reading, tail: Entry, machines: readonly DurableMachine[]) {
  const { store, database } = reading;
  const { actor: id, machine, version, partition } = tail;
  const { state, status, since, timers, work, ...rest } = await readerOf(reading, machines).whyOf(
    tail,
  );
  const standing: Standing = {
    ...{ id, machine, version, database, state, status, since, timers, work },
    ...{ worker: await workerOf(store, partition), nowMs: await store.nowMs() },
  };
  return { standing, rest };
}

/**
 * The events, timers and work that can move an actor. Only the machines of a module tell the events.
 * @param machines null: the caller has no module
 * @throws LockstepError `unknown-actor`, `bad-argument`, `machine-differs`
 */
export async function whyActor(
  reading: Reading,
  id: string,
  machines: readonly DurableMachine[] | null,
): Promise<ActorWhy> {
  const tail = await tailOf(reading.store, id);
  const { standing, rest } = await standingOf(reading, tail, machines ?? []);
  const { events, reason, lack, isStuck } = rest;
  const isKnown = reason === undefined;
  return {
    ...standing,
    events: isKnown ? events : null,
    reason: isKnown || machines === null ? null : reason,
    lack: machines === null ? null : lack,
    isStuck,
  };
}

/**
 * One actor: its state, its values, and its last transitions.
 * @throws LockstepError `unknown-actor`, `bad-argument`, `record-broken`
 */
export async function showActor(reading: Reading, id: string): Promise<ShownActor> {
  const { store } = reading;
  const tail = await tailOf(store, id);
  const { standing } = await standingOf(reading, tail, []);
  const first = Math.max(0, tail.revision - limits.shownEventsMax + 1);
  const entries = await store.entries(id, first, limits.shownEventsMax);
  return {
    ...standing,
    ...{ revision: tail.revision, tags: tail.tags, started: new Date(tail.startedAtMs) },
    ...{ reason: tail.reason ?? null, values: keptValuesOf(tail.snapshot) },
    history: entries.map(eventOf),
  };
}

function eventOf(entry: PastEntry): ShownEvent {
  const { revision, kind, outcome, state, status, version, eventType: type, atMs, reason } = entry;
  return {
    ...{ revision, at: new Date(atMs), kind, type, outcome, state, status, version },
    ...{ event: keptJsonOf(entry.event), reason: reason ?? null },
  };
}
