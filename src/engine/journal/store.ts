import type { ActorRow, Entry, PastEntry } from "./entry.ts";

/** The answer to one appended entry. */
export type Appended =
  /** The journal has it, also where an earlier append of this very entry has put it there. */
  | { readonly kind: "appended" }
  /** Another entry has this revision. */
  | { readonly kind: "revision-taken" }
  /** The actor has an entry with this event key already. */
  | { readonly kind: "duplicate" }
  /** Another entry of the same transaction was refused, so this one was taken back. */
  | { readonly kind: "undone" };

/** A worker's right to append results and timers. It is raised against the worker when another one replaces it. */
export interface Fence {
  readonly worker: string;
  readonly epoch: number;
}

/** One process that runs timers and tasks, as it names itself. */
export interface WorkerSelf extends Fence {
  /** `name@version` of each machine that it runs. */
  readonly machines: readonly string[];
  readonly host: string;
  readonly pid: number;
}

/** One process that runs timers and tasks, as the store knows it. */
export interface WorkerRecord extends WorkerSelf {
  /** By the database's clock. */
  readonly expiresAtMs: number;
  /** True where `fenceOut` would end its lease: it has run out, or ends so far ahead that a clock must have been wrong. */
  readonly isExpired: boolean;
}

/** The attempts of one piece of work that did not end it. */
export interface WorkAttempt {
  /** The id of the work. */
  readonly work: string;
  /** The number of times that it was begun. */
  readonly attempt: number;
  /** The number of attempts that failed. The others died with their worker. */
  readonly failures: number;
  readonly lastError: string;
  /** The time of the next attempt, by the database's clock. Null: at once. */
  readonly nextAtMs: number | null;
}

/** A part of the actors of one machine. One worker runs their timers and their work. */
export interface PartitionRecord {
  /** `<machine>/<number>`. */
  readonly partition: string;
  readonly machine: string;
  /** Null while no worker owns it. */
  readonly worker: string | null;
  /** Grows with each change of the owner. */
  readonly epoch: number;
  /** The mark from which a sweep of the journal goes on: the rows have all that was appended before. Null: from the beginning. */
  readonly mark: string | null;
  /** The place from which the next `expireHistory` goes on. Null: from the beginning. */
  readonly expired: string | null;
}

/** Snapshots of one actor that later entries have replaced. */
export interface Superseded {
  readonly actor: string;
  /** Another life of the actor's id stays as it is. */
  readonly startedAtMs: number;
  readonly from: number;
  readonly below: number;
}

/** The part of an entry that a sweep reads: enough to know whether its actor needs a worker. */
export type EntryHead = ActorRow;

/** One page of tails. */
export interface TailsPage {
  readonly tails: readonly Entry[];
  /** The actors that are to be asked for next. Empty: this was the last page. */
  readonly left: readonly string[];
}

/** One page of a sweep. */
export interface Sweep {
  /** The latest head of each actor among the entries of this page. */
  readonly heads: readonly EntryHead[];
  /**
   * The mark from which a later sweep begins, once the heads of this page are saved. It stays behind by the longest time for which
   * an entry may be on its way, so that the later sweep finds such an entry. Null: nothing was ever appended.
   */
  readonly mark: string | null;
  /** The mark from which this sweep goes on, or null at its end. */
  readonly next: string | null;
}

/** The place of an entry that was appended. */
export interface Hint {
  readonly actor: string;
  readonly partition: string;
  readonly revision: number;
}

export interface WatchListener {
  /** Null once the watch has begun and after each gap: entries before that call may have been missed. */
  readonly onAppended: (hint: Hint | null) => void;
  /** The watch is broken, and is begun anew. Until the next null, no entry is heard of. */
  readonly onBroken?: (error: unknown) => void;
  /** Entries whose nonce begins so are left out: their process knows them. */
  readonly except?: string;
}

export interface Watch {
  stop(): void;
  /** True where the listener has heard of all that was appended before a mark, or of a gap instead. */
  hasPassed(mark: string): boolean;
}

/** Thrown by the act of a transaction that nobody waits for any longer. Its writes may go on, and must never count. */
export class ActGivenUp extends Error {
  /** Settles once the act writes no more. */
  readonly ended: Promise<unknown>;

  constructor(ended: Promise<unknown>, cause: unknown) {
    super("the transaction is given up", { cause });
    this.ended = ended;
  }
}

export interface RowQuery {
  readonly machine?: string;
  readonly state?: string;
  readonly tag?: string;
  readonly status?: Entry["status"];
  /** Only actors that have been in their state since this time or longer. */
  readonly sinceMsMax?: number;
  /** Only actors after this id, in the order of their ids. */
  readonly after?: string;
  readonly limit: number;
}

/**
 * The durable side of the engine. Every write is idempotent or conditional. Trouble on the way to the database
 * is thrown as `database-unreachable`; a write with an unknown outcome is read back first.
 */
export interface EngineStore<Session = unknown> {
  /** Creates the collections and indexes that are missing, and the partitions of these machines. Idempotent. */
  prepare(machines: readonly string[]): Promise<void>;
  /** The time by the database's clock. */
  nowMs(): Promise<number>;

  /**
   * Appends entries of different actors, at most one entry an actor. Without a fence and a session, each entry counts
   * by itself. With a fence, all of them join one transaction with it: a fence that was raised throws `fenced`, and
   * nothing is appended. With a session, they join the transaction that the caller has begun; a refused entry throws
   * then, since the transaction is lost. The driver's error of a transaction that may be tried again stays as it is. A
   * session without a transaction is refused, here and wherever one is given: its writes would be durable at once.
   * After `database-unreachable` and `no-majority` the outcome is unknown: the same entries may be appended again.
   * @throws LockstepError `fenced`, `database-unreachable`, `no-majority`; with a session also `conflict`, `duplicate`,
   * `bad-argument`
   */
  append(
    entries: readonly Entry[],
    options?: { readonly fence?: Fence; readonly session?: Session },
  ): Promise<readonly Appended[]>;
  /**
   * Runs `act` in one transaction and commits it. `act` may run again, so it must have no other effects.
   * After `database-unreachable` the outcome is unknown: an entry that `act` appended tells it.
   */
  transact<Result>(act: (session: Session) => Promise<Result>): Promise<Result>;

  tail(actor: string, session?: Session): Promise<Entry | undefined>;
  /**
   * The latest entries of these actors, in any order: as many as a page holds. An unknown actor is left out.
   * @param known revisions that these actors have reached: a tail near such a revision is found faster
   */
  tails(actors: readonly string[], known?: ReadonlyMap<string, number>): Promise<TailsPage>;
  entryOf(actor: string, revision: number, session?: Session): Promise<Entry | undefined>;
  byKey(actor: string, eventKey: string): Promise<Entry | undefined>;
  /** The entries of one actor from a revision on, in order, at most `limit`, and as many as a page holds. */
  entries(actor: string, fromRevision: number, limit: number): Promise<readonly PastEntry[]>;

  /** One page of the entries of a partition that were appended at a mark or after it. Null: from the beginning. */
  sweep(partition: string, from: string | null): Promise<Sweep>;
  /**
   * A mark at which nothing is on its way any more: what was appended before it can be read now. A sweep from it costs
   * only what was appended since.
   */
  mark(partition: string): Promise<string | null>;
  /** Writes rows behind: a row never goes back to an earlier revision or an earlier life of its actor's id. */
  saveRows(rows: readonly ActorRow[]): Promise<void>;
  /** Saves where the next sweep or the next expiry begins. It does nothing where the partition has another epoch by now. */
  saveMarks(
    partition: string,
    epoch: number,
    marks: { readonly mark: string } | { readonly expired: string },
  ): Promise<void>;
  /**
   * Rows of a partition, at most `limit`; only the last page has fewer. They are those whose `dueAtMs` is at most the given time, the earliest first, then by actor.
   * @param after the last row of the page before
   */
  due(
    partition: string,
    untilMs: number,
    limit: number,
    after?: Pick<ActorRow, "actor" | "dueAtMs">,
  ): Promise<readonly ActorRow[]>;
  rows(query: RowQuery): Promise<readonly ActorRow[]>;

  /**
   * Registers a worker under a name that no process has had before. True where it is registered with this epoch now.
   * Where its process dies, `fenceOut` ends the transactions that it has left open.
   */
  register(worker: WorkerSelf, ttlMs: number): Promise<boolean>;
  /** Renews a lease: false when its epoch was raised, or when the worker is unknown and has no right any more. */
  renew(worker: WorkerSelf, ttlMs: number): Promise<boolean>;
  /**
   * Raises the epoch of a worker whose lease has expired, so that it appends nothing more, and ends its transactions.
   * True when it has no right any more at this epoch.
   */
  fenceOut(worker: string, epoch: number): Promise<boolean>;
  /** Takes a worker out that has stopped in order, or that is fenced out. Whoever owns a partition without a record is gone. */
  removeWorker(worker: string): Promise<void>;
  workers(): Promise<readonly WorkerRecord[]>;
  partitions(): Promise<readonly PartitionRecord[]>;
  /** The attempts of these pieces of work; one that was never tried is left out. */
  attempts(works: readonly string[]): Promise<readonly WorkAttempt[]>;
  /** Saves an attempt. It never goes back to an earlier one. */
  saveAttempt(attempt: WorkAttempt): Promise<void>;
  removeAttempts(works: readonly string[]): Promise<void>;
  /** Changes the owner of a partition, if its owner and its epoch are still these. The new epoch, or null. */
  assign(found: PartitionRecord, worker: string | null): Promise<number | null>;

  /** Clears superseded snapshots. */
  compact(superseded: readonly Superseded[]): Promise<void>;
  /**
   * Deletes one page of the entries that a later one has replaced before a time, in the order of their replacement. Its
   * callers have to wait longer than any process keeps a tail: a deleted revision could be appended again. The first
   * entry of an actor stays as long as the actor: a second start of it has to find it.
   * @param from where an earlier call has ended, or null for the beginning
   * @param keysMs how long the key of a caller's event counts after that event, also where its entry is gone by then
   * @returns where the next call begins, or null where nothing is left
   */
  expireHistory(
    partition: string,
    from: string | null,
    beforeMs: number,
    limit: number,
    keysMs?: number,
  ): Promise<string | null>;
  /**
   * Deletes whole actors whose rows ended before a time and have no work left. A row that is not of the actor's latest
   * entry deletes nothing: the id may have another life.
   * @returns the number of deleted entries: less than the limit once nothing is left, and at most one more than the limit
   */
  expireEnded(partition: string, beforeMs: number, limit: number): Promise<number>;

  /** Calls back soon after an entry was appended. */
  watch(listener: WatchListener): Watch;
  close(): Promise<void>;
}
