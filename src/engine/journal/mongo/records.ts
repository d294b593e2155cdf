import { Timestamp } from "mongodb";
import { LockstepError } from "../../../errors.ts";
import {
  anything,
  count,
  described,
  fields,
  figure,
  flag,
  list,
  nullable,
  oneOf,
  optional,
  type Shape,
  text,
} from "../../../shape.ts";
import {
  type ActorRow,
  dueOf,
  type Entry,
  type EntryReason,
  type PastEntry,
  type TimerRecord,
  type WorkRecord,
} from "../entry.ts";
import type { PartitionRecord, WorkAttempt, WorkerRecord } from "../store.ts";

/** The engine's collections in the application's database. */
export const engineCollections = {
  journal: "lockstep_journal",
  actors: "lockstep_actors",
  workers: "lockstep_workers",
  fences: "lockstep_fences",
  attempts: "lockstep_attempts",
  partitions: "lockstep_partitions",
} as const;

export interface EntryId {
  readonly actor: string;
  readonly revision: number;
}

export type StoredEntry = Omit<Entry, "actor" | "revision"> & {
  readonly _id: EntryId;
  readonly dueAtMs?: number;
  /** The time at which the server deletes the entry, where only its key is left. */
  readonly keyUntil?: Date;
  /** The server's time of the insert. It grows with each entry. */
  readonly ts: Timestamp;
};

export type StoredRow = Omit<ActorRow, "actor" | "dueAtMs"> & {
  readonly _id: string;
  readonly dueAtMs?: number;
  readonly endedAtMs?: number;
};

export interface StoredWorker extends Omit<WorkerRecord, "worker" | "isExpired"> {
  readonly _id: string;
  readonly ttlMs: number;
  /** The sessions of its transactions, which `fenceOut` ends. */
  readonly sessions: readonly string[];
}

export interface StoredFence {
  readonly _id: string;
  readonly epoch: number;
  readonly appends: number;
}

export type StoredAttempt = Omit<WorkAttempt, "work"> & { readonly _id: string };

export interface StoredPartition extends Omit<PartitionRecord, "partition"> {
  readonly _id: string;
  readonly madeAt: Timestamp;
}

/** The only place that builds a journal `_id`: the order of its fields is part of the value. */
export function entryId(actor: string, revision: number): EntryId {
  return { actor, revision };
}

/** The `_id`s of an actor's entries from a revision on, below another one. The index of `_id` has them in order. */
export function entryIds(actor: string, from = 0, below = Number.MAX_SAFE_INTEGER) {
  return { _id: { $gte: entryId(actor, from), $lt: entryId(actor, below) } };
}

/** The server replaces an empty timestamp by its own time, so a paused sender cannot insert into the past. */
export const emptyTimestamp = () => new Timestamp({ t: 0, i: 0 });

const timestamp: Shape = (value, path) =>
  value instanceof Timestamp && !value.isZero()
    ? null
    : `${path}: expected a time that the server has set`;

const mark: Shape = (value, path) =>
  typeof value === "string" && /^\d{1,20}$/.test(value)
    ? null
    : `${path}: expected the digits of a time, found ${described(value)}`;

const timer = fields<TimerRecord>({
  ...{ id: text, sendId: text, source: count, target: count, cancellable: flag },
  ...{ eventType: text, event: text, dueAtMs: figure },
});
const work = fields<WorkRecord>({
  ...{ id: text, kind: oneOf("task", "live", "action", "message"), name: text, birth: count },
  ...{ parent: count, path: text, input: text, askedAtMs: figure, trace: optional(text) },
});
const status = oneOf("active", "done", "error", "stopped");

const pastFields = {
  _id: fields<EntryId>({ actor: text, revision: count }),
  ...{ startedAtMs: figure, partition: text, machine: text, version: text },
  ...{ eventType: text, event: text },
  kind: oneOf("created", "caller", "timer", "result", "child", "migrated", "stopped"),
  ...{ eventKey: optional(text), nonce: text, outcome: oneOf("applied", "ignored", "rejected") },
  reason: optional(fields<EntryReason>({ code: text, message: text })),
  ...{ state: text, tags: list(text), status },
  ...{ timers: list(timer), work: list(work), emitted: optional(text) },
  ...{ atMs: figure, sinceMs: figure, dueAtMs: anything, ts: timestamp },
  keyUntil: anything,
};
const pastShape = fields<Omit<StoredEntry, "snapshot">>(pastFields);
const entryShape = fields<StoredEntry>({ ...pastFields, snapshot: nullable(text) });

const headFields = {
  ...{ startedAtMs: figure, partition: text, machine: text, version: text },
  ...{ state: text, tags: list(text), status },
  ...{ sinceMs: figure, atMs: figure, dueAtMs: optional(figure) },
};
type StoredHead = Omit<StoredRow, "_id" | "revision" | "endedAtMs"> &
  Pick<StoredEntry, "_id" | "ts">;
const headShape = fields<StoredHead>({
  ...headFields,
  ...{ _id: fields<EntryId>({ actor: text, revision: count }), ts: timestamp },
});
const rowShape = fields<StoredRow>({
  ...headFields,
  ...{ _id: text, revision: count, endedAtMs: optional(figure) },
});
const workerShape = fields<StoredWorker>({
  ...{ _id: text, epoch: count, expiresAtMs: figure, ttlMs: figure, sessions: list(text) },
  ...{ machines: list(text), host: text, pid: count },
});
const partitionShape = fields<StoredPartition>({
  ...{
    _id: text,
    machine: text,
    worker: nullable(text),
    epoch: count,
    mark: nullable(mark),
    expired: nullable(mark),
    madeAt: timestamp,
  },
});

const attemptShape = fields<StoredAttempt>({
  ...{ _id: text, attempt: count, failures: count, lastError: text, nextAtMs: nullable(figure) },
});

/** @throws LockstepError `record-broken` */
function checked<Stored extends { readonly _id: unknown }>(
  collection: string,
  shape: Shape,
  found: Stored,
): Stored {
  const wrong = shape(found, "");
  if (wrong === null) return found;
  const id = JSON.stringify(found._id);
  throw new LockstepError(
    "record-broken",
    `the record ${id} of \`${collection}\` is broken: ${wrong}: correct it in mongosh`,
    { collection, id },
  );
}

/** One literal, since a spread costs several times as much for each entry. */
export function toStored(entry: Entry): StoredEntry {
  const { eventKey, reason, emitted } = entry;
  const dueAtMs = dueOf(entry);
  const stored: { -readonly [Field in keyof StoredEntry]: StoredEntry[Field] } = {
    _id: entryId(entry.actor, entry.revision),
    startedAtMs: entry.startedAtMs,
    partition: entry.partition,
    machine: entry.machine,
    version: entry.version,
    kind: entry.kind,
    eventType: entry.eventType,
    event: entry.event,
    nonce: entry.nonce,
    outcome: entry.outcome,
    state: entry.state,
    tags: entry.tags,
    status: entry.status,
    snapshot: entry.snapshot,
    timers: entry.timers,
    work: entry.work,
    atMs: entry.atMs,
    sinceMs: entry.sinceMs,
    ts: emptyTimestamp(),
  };
  if (eventKey !== undefined) stored.eventKey = eventKey;
  if (reason !== undefined) stored.reason = reason;
  if (emitted !== undefined) stored.emitted = emitted;
  if (dueAtMs !== null) stored.dueAtMs = dueAtMs;
  return stored;
}

/** An entry without the fields that only the database needs. One literal, as in `toStored`. */
function known(found: Omit<StoredEntry, "snapshot">): PastEntry {
  const { eventKey, reason, emitted } = found;
  const entry: { -readonly [Field in keyof PastEntry]: PastEntry[Field] } = {
    actor: found._id.actor,
    revision: found._id.revision,
    startedAtMs: found.startedAtMs,
    partition: found.partition,
    machine: found.machine,
    version: found.version,
    kind: found.kind,
    eventType: found.eventType,
    event: found.event,
    nonce: found.nonce,
    outcome: found.outcome,
    state: found.state,
    tags: found.tags,
    status: found.status,
    timers: found.timers,
    work: found.work,
    atMs: found.atMs,
    sinceMs: found.sinceMs,
  };
  if (eventKey !== undefined) entry.eventKey = eventKey;
  if (reason !== undefined) entry.reason = reason;
  if (emitted !== undefined) entry.emitted = emitted;
  return entry;
}

export function fromStored(found: StoredEntry): Entry {
  const past = known(checked(engineCollections.journal, entryShape, found));
  return Object.assign(past, { snapshot: found.snapshot });
}

export function pastFromStored(found: Omit<StoredEntry, "snapshot">): PastEntry {
  return known(checked(engineCollections.journal, pastShape, found));
}

export const headProjection = {
  ...Object.fromEntries(Object.keys(headFields).map((field) => [field, 1])),
  ts: 1,
};

/** The row of an actor, by the fields that stored heads and stored rows share. One literal, as in `toStored`. */
const rowOfHead = (
  actor: string,
  revision: number,
  found: Omit<StoredRow, "_id" | "revision">,
): ActorRow => ({
  actor,
  revision,
  startedAtMs: found.startedAtMs,
  partition: found.partition,
  machine: found.machine,
  version: found.version,
  state: found.state,
  tags: found.tags,
  status: found.status,
  sinceMs: found.sinceMs,
  atMs: found.atMs,
  dueAtMs: found.dueAtMs ?? null,
});

export function headFromStored(found: StoredHead): ActorRow {
  const { _id } = checked(engineCollections.journal, headShape, found);
  return rowOfHead(_id.actor, _id.revision, found);
}

export function toStoredRow({ actor, dueAtMs, ...rest }: ActorRow): StoredRow {
  const due = dueAtMs === null ? {} : { dueAtMs };
  const ended = rest.status === "active" ? {} : { endedAtMs: rest.atMs };
  return { _id: actor, ...rest, ...due, ...ended };
}

export function rowFromStored(found: StoredRow): ActorRow {
  const { _id, revision } = checked(engineCollections.actors, rowShape, found);
  return rowOfHead(_id, revision, found);
}

export function workerFromStored(
  found: StoredWorker & Pick<WorkerRecord, "isExpired">,
): WorkerRecord {
  const { _id, epoch, expiresAtMs, machines, host, pid, isExpired } = checked(
    engineCollections.workers,
    workerShape,
    found,
  );
  return { worker: _id, epoch, expiresAtMs, machines, host, pid, isExpired };
}

export function partitionFromStored(found: StoredPartition): PartitionRecord {
  const { _id, machine, worker, epoch, mark, expired } = checked(
    engineCollections.partitions,
    partitionShape,
    found,
  );
  return { partition: _id, machine, worker, epoch, mark, expired };
}

export function attemptFromStored(found: StoredAttempt): WorkAttempt {
  const { _id, attempt, failures, lastError, nextAtMs } = checked(
    engineCollections.attempts,
    attemptShape,
    found,
  );
  return { work: _id, attempt, failures, lastError, nextAtMs };
}
