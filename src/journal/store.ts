/** A value that survives BSON and JSON alike. */
export type Plain =
  | string
  | number
  | boolean
  | null
  | Date
  | readonly Plain[]
  | { readonly [key: string]: Plain };

/** A timer that an actor asked for; fires when the store's clock passes `dueAt`. */
export interface Timer {
  /** `<actor>/<revision>/<index>`: unique for each visit of a state. */
  readonly id: string;
  /** The name the machine gave it; a newer timer of this name replaces it. */
  readonly name: string;
  readonly event: { readonly type: string };
  /** Milliseconds since the epoch by the store's clock. */
  readonly dueAt: number;
}

/** Something an actor wants done after the commit. Its result is an event keyed by `id`. */
export interface Effect {
  /** `<actor>/<revision>/<index>`. */
  readonly id: string;
  readonly name: string;
  readonly params: Readonly<Record<string, unknown>>;
}

/** Who may append: `role` (the master's actors) or one agent (`pinned`). */
export type Owner =
  | { readonly kind: "role"; readonly role: string }
  | { readonly kind: "pinned"; readonly agent: string };

/** One transition of one actor: the journal is made of these. */
export interface Entry {
  readonly actor: string;
  /** 0, 1, 2 … without a gap. */
  readonly revision: number;
  /** The machine's name in the engine's catalogue. */
  readonly machine: string;
  readonly owner: Owner;
  readonly event: { readonly type: string };
  /**
   * What this event did: `applied`, `ignored` by the state, `rejected` (a guard threw, or the entry would have been too
   * large), or a `takeover`.
   */
  readonly outcome: "applied" | "ignored" | "rejected" | "takeover";
  /** XState's persisted snapshot, as JSON text (its keys may hold dots). */
  readonly snapshot: string;
  /** The state's value as text (`migrating`, or JSON when nested): for readers and indexes. */
  readonly state: string;
  /** `active`, `done` or `error`. */
  readonly status: string;
  /** All timers that are armed after this transition. */
  readonly timers: readonly Timer[];
  /** All effects that are pending after this transition, the new ones last. */
  readonly effects: readonly Effect[];
  /** Why the event was rejected. */
  readonly reason?: {
    readonly code: string;
    readonly message: string;
    readonly details: Readonly<Record<string, unknown>>;
  };
  /** Makes the event count once; the engine's `EventKey`, as text. */
  readonly eventKey?: string;
  readonly epoch: number;
  readonly protocol: number;
  /** The build that wrote it, and can read it. */
  readonly build?: string;
  /** Milliseconds by the store's clock. */
  readonly at: number;
}

/** A conditional change of one control document, joined to an entry's transaction. */
export interface Write {
  readonly collection: string;
  readonly id: string;
  /** Fields (dotted paths allowed) that must equal; `null` for the whole: the document must not exist. */
  readonly expect: Readonly<Record<string, Plain>> | null;
  readonly set?: Readonly<Record<string, Plain>>;
  readonly increment?: Readonly<Record<string, number>>;
  readonly remove?: readonly string[];
}

/** The outcome of one entry of an append. */
export type AppendResult =
  | { readonly kind: "appended" }
  /** Another entry has this actor's revision. */
  | { readonly kind: "conflict" }
  /** This actor's journal already holds the event's key. */
  | { readonly kind: "duplicate" }
  /** A write's expectation did not hold, so nothing of this append took effect. */
  | { readonly kind: "refused"; readonly write: number }
  /** Nothing of this append took effect since another entry of it failed. */
  | { readonly kind: "undone" };

export interface Versions {
  /** What the fleet should run. */
  readonly agentVersion: string;
  /** What the schema matches; `1.0.0>1.1.0#id` while in transition. */
  readonly databaseVersion: string;
  /** The upgrade's id, or null. */
  readonly upgrade: string | null;
  readonly generation: number;
}

/** Which documents of a list are wanted. */
export interface Page {
  readonly orderBy: string;
  readonly limit: number;
}

/** A control document as read: its fields, without `_id`. */
export type ControlDocument = Readonly<Record<string, unknown>>;

/**
 * The journal's port. Majority writes, majority reads; a write whose outcome is unknown is read
 * back by the store before it answers. Throws LockstepError `database-unreachable` when it cannot.
 */
export interface Store {
  /** Milliseconds by the database's clock. */
  now(): Promise<number>;
  /**
   * Appends entries, at most one an actor. Without writes each entry succeeds or fails by itself;
   * with writes all entries and writes are one transaction.
   */
  append(entries: readonly Entry[], writes?: readonly Write[]): Promise<readonly AppendResult[]>;
  /**
   * Writes alone, as one transaction: the index of the first whose expectation failed, or null.
   * @param name what the fault points calls it
   */
  write(writes: readonly Write[], name?: string): Promise<number | null>;
  /**
   * Removes documents; one that is not there is a success.
   * @param name what the fault points calls it
   */
  erase(collection: string, ids: readonly string[], name: string): Promise<void>;
  tail(actor: string): Promise<Entry | undefined>;
  /** The tails of all actors whose id starts with `prefix`, ordered by actor. */
  tails(prefix: string): Promise<readonly Entry[]>;
  /** An actor's entries from a revision on, in order. */
  entries(actor: string, fromRevision?: number): Promise<readonly Entry[]>;
  get(collection: string, id: string): Promise<ControlDocument | undefined>;
  /**
   * Documents of a collection, with `_id`, ordered by it. One that is too large to be read is answered with its
   * `_id` and `oversizedBytes` alone.
   * @param where fields that must equal, as in `Write.expect`
   * @param page the first so many, ordered by a field; without it the list is whole
   * @throws LockstepError `database-not-supported` where there are more than may be listed: none is left out
   */
  list(
    collection: string,
    where?: Readonly<Record<string, Plain>>,
    page?: Page,
  ): Promise<readonly (ControlDocument & { readonly _id: string })[]>;
  /**
   * Calls back soon after an entry, the versions, the inbox, the block of writers or what
   * `hintingAgentFields` names has changed, or the lease was given up: a hint, never a promise.
   * Heartbeats and renewals are none. Returns how to stop.
   * @param onHint gets the actor whose entry it is, or the name of the collection; "" for anything
   */
  watch(onHint: (what: string) => void): () => void;
  close(): Promise<void>;
}

/** Changes of an agent's record that others act on. */
export const hintingAgentFields = ["gate", "incarnation", "owes", "forgotten", "retry"] as const;

/** Names of the control collections. */
export const collections = {
  journal: "journal",
  versions: "versions",
  agents: "agents",
  leases: "leases",
  fences: "fences",
  inbox: "inbox",
  catalogues: "catalogues",
  catalogueParts: "catalogue-parts",
} as const;

/** Ids in `versions`, `leases` and `fences`. */
export const documentIds = {
  versions: "versions",
  /** The lease, and the fence. */
  master: "master",
  /** Further documents of `fences`: what is held back, and what is written for a time or a place alone. */
  writeBlock: "write-block",
  deletions: "deletions",
  history: "history",
  majorityProbe: "majority-probe",
  backupTime: "backup-time",
  watchMarker: "watch-marker",
} as const;
