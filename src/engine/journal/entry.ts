/** The states of an actor's life. */
export const actorStatuses = ["active", "done", "error", "stopped"] as const;

/** A deadline of an actor: `after`, or a delayed `raise` or `sendTo`. */
export interface TimerRecord {
  /** See `WorkRecord.id`: another visit's timer has another id. */
  readonly id: string;
  /** XState's id of the delayed event, by which `cancel` finds it. */
  readonly sendId: string;
  /** The births of the actor that armed it and of the actor that receives the event. The root's is 0. */
  readonly source: number;
  readonly target: number;
  /** False once a later timer has taken its id over, or an earlier one has fired: `cancel` does not find it then. */
  readonly cancellable: boolean;
  readonly eventType: string;
  /** The event, encoded. */
  readonly event: string;
  /** Milliseconds since 1970 by the database's clock. */
  readonly dueAtMs: number;
}

/** Work that a worker owes: the run of an invoked logic, or an action after the commit. */
export interface WorkRecord {
  /**
   * `<actor>/<start>/<revision>/<index>` of the transition that asked for it. It is the same on each attempt. The start,
   * `startedAtMs` in base 36, keeps it from being the id of work in an earlier life of the actor's id.
   */
  readonly id: string;
  readonly kind: "task" | "live" | "action" | "message";
  /** The source of the invoke, or the action's name. */
  readonly name: string;
  /** The birth of the child that waits for the result or gets the message; for an action, of the actor that asked for it. */
  readonly birth: number;
  /** The birth of the actor that invoked or spawned it. */
  readonly parent: number;
  /** That child's or actor's ids from the root down, for people: `""` is the root. */
  readonly path: string;
  /** The time at which the transition asked for it, by the database's clock. */
  readonly askedAtMs: number;
  /** The input of a task, the parameters of an action or the event of a message, encoded. */
  readonly input: string;
  /** The span of that transition, as W3C's `traceparent`. It is absent where nobody traces. */
  readonly trace?: string;
}

/** The origin of an event. */
export type EventKind =
  | "created"
  | "caller"
  | "timer"
  | "result"
  | "child"
  | "migrated"
  | "stopped";

/** Why an event was rejected, or why an actor is in error. */
export interface EntryReason {
  readonly code: string;
  readonly message: string;
}

/** One transition of one actor. `{actor, revision}` is its key and the lock. */
export interface Entry {
  readonly actor: string;
  readonly revision: number;
  /** The time of revision 0. An id that was deleted can be started again: this tells its lives apart. */
  readonly startedAtMs: number;
  readonly partition: string;
  readonly machine: string;
  readonly version: string;
  readonly kind: EventKind;
  /** The event's type, and the whole event, encoded. */
  readonly eventType: string;
  readonly event: string;
  /** Makes an event count once in its actor. */
  readonly eventKey?: string;
  /**
   * A random text that no other entry has. It tells this very entry from one that another process makes of an equal
   * event at the same moment, so an append whose answer was lost can be repeated.
   */
  readonly nonce: string;
  readonly outcome: "applied" | "ignored" | "rejected";
  readonly reason?: EntryReason;
  /** The root machine's state as text: its value, as JSON where it is an object. */
  readonly state: string;
  readonly tags: readonly string[];
  readonly status: (typeof actorStatuses)[number];
  /** The whole tree of actors, encoded. It may be null once a later revision has replaced it. */
  readonly snapshot: string | null;
  readonly timers: readonly TimerRecord[];
  readonly work: readonly WorkRecord[];
  /** The events that the transition emitted, encoded as one list. */
  readonly emitted?: string;
  /** The time of the transition in milliseconds since 1970, by the database's clock. */
  readonly atMs: number;
  /** The time at which the state was entered. */
  readonly sinceMs: number;
}

/** An entry for readers of the past, who see no snapshots. */
export type PastEntry = Omit<Entry, "snapshot">;

/** The place of an entry among all those that its actor's id has ever had. */
export type Place = Pick<Entry, "startedAtMs" | "revision">;

/** True where an entry or a row comes after another one of its id, in the same life or in a later one. */
export function isLater(one: Place, other: Place): boolean {
  if (one.startedAtMs !== other.startedAtMs) return one.startedAtMs > other.startedAtMs;
  return one.revision > other.revision;
}

/** True where a row is that of the entry at which its actor has ended. */
export function isEndOf(row: Place, { status, startedAtMs, revision }: Entry): boolean {
  return status !== "active" && startedAtMs === row.startedAtMs && revision === row.revision;
}

/** The beginning of the ids of the work and the timers of one life of an actor. */
export function lifeOf(actor: string, startedAtMs: number): string {
  return `${actor}/${startedAtMs.toString(36)}/`;
}

/** The next deadline, or null. */
export function nextTimerMs(timers: Entry["timers"]): number | null {
  return timers.length === 0 ? null : Math.min(...timers.map(({ dueAtMs }) => dueAtMs));
}

/** The time at which an actor needs a worker: 0 while work waits, the next deadline, or null. */
export function dueOf({ timers, work }: Pick<Entry, "timers" | "work">): number | null {
  return work.length > 0 ? 0 : nextTimerMs(timers);
}

/** The latest known revision of an actor, without what only its worker needs. */
export interface ActorRow {
  readonly actor: string;
  readonly partition: string;
  readonly startedAtMs: number;
  readonly revision: number;
  readonly machine: string;
  readonly version: string;
  readonly state: string;
  readonly tags: readonly string[];
  readonly status: Entry["status"];
  readonly sinceMs: number;
  readonly atMs: number;
  /** See `dueOf`. */
  readonly dueAtMs: number | null;
}

export function rowOf(entry: Entry): ActorRow {
  return {
    actor: entry.actor,
    partition: entry.partition,
    startedAtMs: entry.startedAtMs,
    revision: entry.revision,
    machine: entry.machine,
    version: entry.version,
    state: entry.state,
    tags: entry.tags,
    status: entry.status,
    sinceMs: entry.sinceMs,
    atMs: entry.atMs,
    dueAtMs: dueOf(entry),
  };
}
