import type { Reason } from "../errors.ts";

/** A value that survives BSON and JSON alike. */
export type Plain =
  | string
  | number
  | boolean
  | null
  | Date
  | readonly Plain[]
  | { readonly [key: string]: Plain };

/** A timer that an actor asked for. It fires when the store's clock passes `dueAt`. */
export interface Timer {
  /** `<actor>/<revision>/<index>`. It is unique for each visit of a state. */
  readonly id: string;
  /** The name that the machine gave it. A newer timer of this name replaces it. */
  readonly name: string;
  readonly event: { readonly type: string };
  /** Milliseconds since the epoch by the store's clock. */
  readonly dueAt: number;
}

/** Work that an actor asks for. It starts after the commit, and its result is an event with the key `id`. */
export interface Effect {
  /** `<actor>/<revision>/<index>`. */
  readonly id: string;
  readonly name: string;
  readonly params: Readonly<Record<string, unknown>>;
}

/** The owner that may append: a role (the master) or one agent (`pinned`). */
export type Owner =
  | { readonly kind: "role"; readonly role: string }
  | { readonly kind: "pinned"; readonly agent: string };

/** One transition of one actor. The journal consists of these. */
export interface Entry {
  readonly actor: string;
  /** 0, 1, 2 … without a gap. */
  readonly revision: number;
  /** The machine's name in the engine's catalogue. */
  readonly machine: string;
  readonly owner: Owner;
  readonly event: { readonly type: string };
  /**
   * The outcome: `applied`, `ignored` by the state, `rejected` (a guard threw, or the entry would have been too
   * large), or a `takeover`.
   */
  readonly outcome: "applied" | "ignored" | "rejected" | "takeover";
  /** XState's persisted snapshot, as JSON text (its keys may hold dots). */
  readonly snapshot: string;
  /** The state's value as text (`migrating`, or JSON when nested), for readers and indexes. */
  readonly state: string;
  /** `active`, `done` or `error`. */
  readonly status: string;
  /** All timers that are armed after this transition. */
  readonly timers: readonly Timer[];
  /** All effects that are pending after this transition, the new ones last. */
  readonly effects: readonly Effect[];
  /** Why the event was rejected. */
  readonly reason?: Reason;
  /** The engine's `EventKey` as text. It makes the event count once. */
  readonly eventKey?: string;
  readonly epoch: number;
  readonly protocol: number;
  /** The build that wrote the entry and can read it. */
  readonly build?: string;
  /** The agent whose process wrote the entry. Entries of an earlier build lack it. */
  readonly by?: string;
  /** Milliseconds by the store's clock. */
  readonly at: number;
}

/** The key of an entry. */
export type Place = Pick<Entry, "actor" | "revision">;

/** The fields of an entry that say when an actor did what, without what may be large. */
export const headFields = [
  ...(["state", "status", "outcome", "reason", "eventKey", "epoch", "at"] as const),
] as const;
export interface EntryHead extends Pick<Entry, "actor" | "revision" | (typeof headFields)[number]> {
  /** The pending effects without their parameters. */
  readonly effects: readonly Pick<Effect, "id" | "name">[];
}

/** A conditional change of one control document, joined to an entry's transaction. */
export interface Write {
  readonly collection: string;
  readonly id: string;
  /** Fields that must be equal, dotted paths allowed. With `null` the document must not exist. */
  readonly expect: Readonly<Record<string, Plain>> | null;
  readonly set?: Readonly<Record<string, Plain>>;
  readonly increment?: Readonly<Record<string, number>>;
  readonly remove?: readonly string[];
}

/** The outcome of one entry of an append. */
export type AppendResult =
  | { readonly kind: "appended" }
  /** Another entry has this actor's revision. */
  | { readonly kind: "revision-taken" }
  /** This actor's journal already holds the event's key. */
  | { readonly kind: "duplicate" }
  /** A write's expectation did not hold, so nothing of this append took effect. */
  | { readonly kind: "refused"; readonly write: number }
  /** Another entry of this append failed, so nothing of it took effect. */
  | { readonly kind: "undone" };

export interface Versions {
  /** The version that the fleet should run. */
  readonly agentVersion: string;
  /** The version that the schema matches, or `1.0.0>1.1.0#id` while in transition. */
  readonly databaseVersion: string;
  /** The upgrade's id, or null. */
  readonly upgradeId: string | null;
  readonly generation: number;
}

/** The part of a list that is wanted. */
export interface Page {
  readonly orderBy: string;
  readonly limit: number;
}

/** A control document as read: its fields, without `_id`. */
export type ControlDocument = Readonly<Record<string, unknown>>;

/**
 * The journal's port, with majority writes and majority reads. The store reads back a write with an unknown outcome
 * before it answers.
 * @throws LockstepError `database-unreachable` from every method where it cannot do that
 */
export interface Store {
  /** Milliseconds by the database's clock. */
  now(): Promise<number>;
  /**
   * Appends entries, at most one for each actor. Without writes each entry succeeds or fails by itself. With writes
   * all entries and writes are one transaction.
   */
  append(entries: readonly Entry[], writes?: readonly Write[]): Promise<readonly AppendResult[]>;
  /**
   * Makes writes without an entry, as one transaction.
   * @param name the name for the fault points
   * @returns the index of the first write whose expectation failed, or null
   */
  write(writes: readonly Write[], name?: string): Promise<number | null>;
  /**
   * Removes documents. One that is not there is a success.
   * @param name the name for the fault points
   */
  erase(collection: string, ids: readonly string[], name: string): Promise<void>;
  tail(actor: string): Promise<Entry | undefined>;
  /** The tails of all actors whose id starts with `prefix`, ordered by actor. */
  tails(prefix: string): Promise<readonly Entry[]>;
  /** The tail of the last actor, in the order of their ids, whose id starts with `prefix`. */
  lastTail(prefix: string): Promise<Entry | undefined>;
  /** The heads of all of an actor's entries, in order. */
  heads(actor: string): Promise<readonly EntryHead[]>;
  /** An actor's entries from a revision on, in order: all of them, or so many at most. */
  entries(actor: string, fromRevision?: number, limit?: number): Promise<readonly Entry[]>;
  /** The entries at these places, in any order. A place without one is left out. There may be `limits.listMax` places. */
  entriesAt(places: readonly Place[]): Promise<readonly Entry[]>;
  get(collection: string, id: string): Promise<ControlDocument | undefined>;
  /**
   * Documents of a collection with their `_id`, ordered by it. A document that is too large to be read has only `_id`
   * and `oversizedBytes`.
   * @param where fields that must be equal, as in `Write.expect`
   * @param page the first documents, ordered by a field; without it the list is whole
   * @throws LockstepError `database-not-supported` where a whole list has too many documents
   */
  list(
    collection: string,
    where?: Readonly<Record<string, Plain>>,
    page?: Page,
  ): Promise<readonly (ControlDocument & { readonly _id: string })[]>;
  /**
   * Calls back soon after a change of the journal, the versions, the inbox, the write block or one of
   * `hintingAgentFields`, and after the lease was given up. A call may be missing. Heartbeats and renewals cause
   * none.
   * @param onHint gets the actor of the entry, or the name of the collection, or "" for anything
   * @returns how to stop
   */
  watch(onHint: (what: string) => void): () => void;
  close(): Promise<void>;
}

/** The fields of an agent's record on which others act. */
export const hintingAgentFields = ["gate", "incarnation", "owes", "forgotten", "retry"] as const;

/** Names of the control collections. */
export const collections = {
  journal: "journal",
  versions: "versions",
  agents: "agents",
  leases: "leases",
  fences: "fences",
  inbox: "inbox",
  /** The moments at which each agent served for the first time after an upgrade. */
  openings: "openings",
  catalogues: "catalogues",
  catalogueParts: "catalogue-parts",
} as const;

/** Ids in `versions`, `leases` and `fences`. */
export const documentIds = {
  versions: "versions",
  /** The id of the lease and of the fence. */
  master: "master",
  /**
   * Further documents of `fences`: what upgrades hold back, and documents that are only written for their time or
   * as a probe. `write-blocks`, `deletions` and `history` are those of all fleets of a set.
   */
  writeBlock: "write-block",
  writeBlocks: "write-blocks",
  deletions: "deletions",
  history: "history",
  majorityProbe: "majority-probe",
  backupTime: "backup-time",
  watchMarker: "watch-marker",
} as const;
