import type { DurableMachine } from "../../engine/definition/durable.ts";
import type { Why } from "../../engine/engine-api.ts";
import type { Entry, EntryReason } from "../../engine/journal/entry.ts";
import type { EngineStore } from "../../engine/journal/store.ts";
import { isLockstepError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { type ShownEvent, transitionsBetween } from "./journal.ts";
import { type Reading, readerOf, tailOf } from "./reading.ts";
import { type Receiver, receiverOf } from "./send-event.ts";
import { type KeptValues, keptValuesOf } from "./texts/kept-text.ts";

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

async function workerOf(store: EngineStore, partition: string): Promise<OwningWorker | null> {
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

/** The answer to why, of a standing. */
function whyOf(
  { standing, rest }: Awaited<ReturnType<typeof standingOf>>,
  hasModule: boolean,
): ActorWhy {
  const { events, reason, lack, isStuck } = rest;
  const isKnown = reason === undefined;
  return {
    ...standing,
    events: isKnown ? events : null,
    reason: isKnown || !hasModule ? null : reason,
    lack: hasModule ? lack : null,
    isStuck,
  };
}

function shownOf(standing: Standing, tail: Entry): Omit<ShownActor, "history"> {
  return {
    ...standing,
    ...{ revision: tail.revision, tags: tail.tags, started: new Date(tail.startedAtMs) },
    ...{ reason: tail.reason ?? null, values: keptValuesOf(tail.snapshot) },
  };
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
  return whyOf(await standingOf(reading, tail, machines ?? []), machines !== null);
}

/**
 * One actor: its state, its values, and its last transitions.
 * @throws LockstepError `unknown-actor`, `bad-argument`, `record-broken`
 */
export async function showActor(reading: Reading, id: string): Promise<ShownActor> {
  const { store } = reading;
  const tail = await tailOf(store, id);
  const { standing } = await standingOf(reading, tail, []);
  const end = tail.revision + 1;
  const first = Math.max(0, end - limits.shownEventsMax);
  return { ...shownOf(standing, tail), history: await transitionsBetween(store, id, first, end) };
}

/** All that one look at an actor tells but its journal. */
export interface ActorLook {
  readonly shown: Omit<ShownActor, "history">;
  readonly why: ActorWhy;
  /** See `Receiver.migratesTo`. A refusal says why the caller can send it no event. */
  readonly sending: Pick<Receiver, "migratesTo"> | { readonly refusal: string };
}

/**
 * One actor, with the answer to why.
 * @param machines null: the caller has no module
 * @throws LockstepError `unknown-actor`, `bad-argument`, `record-broken`
 */
export async function lookAtActor(
  reading: Reading,
  id: string,
  machines: readonly DurableMachine[] | null,
): Promise<ActorLook> {
  const tail = await tailOf(reading.store, id);
  const found = await standingOf(reading, tail, machines ?? []);
  return {
    shown: shownOf(found.standing, tail),
    why: whyOf(found, machines !== null),
    sending: sendingOf(tail, reading.database, machines),
  };
}

function sendingOf(
  tail: Entry,
  database: string,
  machines: readonly DurableMachine[] | null,
): ActorLook["sending"] {
  if (machines === null)
    return {
      refusal:
        "expected a module with its machine, found none: name it with --module, or as dashboard.module of the agent",
    };
  try {
    return { migratesTo: receiverOf(tail, database, machines).receiver.migratesTo };
  } catch (error) {
    if (!isLockstepError(error)) throw error;
    return { refusal: error.message };
  }
}
