import type { ClientSession } from "mongodb";
import type {
  AnyStateMachine,
  EventFromLogic,
  InputFrom,
  SnapshotFrom,
  StateValue,
  TagsFrom,
} from "xstate";
import type { DurableMachine } from "./definition/durable.ts";
import type { EmittedOf } from "./definition/machine-types.ts";
import type { Entry, EntryReason } from "./journal/entry.ts";
import type { CheckOptions, CheckResult } from "./migration/check.ts";

/** The result of an event. `rejected`: a guard or an assign threw, or the new state could not be kept; nothing has changed. */
export type SendOutcome = "applied" | "ignored" | "rejected" | "duplicate";

/** The answer to an event, once it is durable. */
export interface Sent {
  readonly outcome: SendOutcome;
  /** The state of the actor after the event: a state's name, or JSON where the value is an object. */
  readonly state: string;
  readonly status: Entry["status"];
  /** The revision of the entry, for `watch`. */
  readonly revision: number;
  /** Why the event was rejected. */
  readonly reason?: EntryReason;
}

/** The event of a transition: of a rejected one, the journal may have kept the type alone. */
type PastEvent<TMachine extends AnyStateMachine> =
  | {
      readonly kind: "caller";
      readonly outcome: "applied" | "ignored";
      /** As the machine declares it. An earlier `version` may have declared others. */
      readonly event: EventFromLogic<TMachine>;
    }
  | {
      readonly kind: "caller";
      readonly outcome: "rejected";
      readonly event: { readonly type: string } & Record<string, unknown>;
    }
  | {
      readonly kind: Exclude<Entry["kind"], "caller">;
      readonly outcome: Entry["outcome"];
      readonly event: { readonly type: string } & Record<string, unknown>;
    };

/** One transition, for a reader. */
export type Change<TMachine extends AnyStateMachine = AnyStateMachine> = PastEvent<TMachine> & {
  readonly revision: number;
  /** The state after it: a state's name, or JSON where the value is an object. */
  readonly state: string;
  readonly status: Entry["status"];
  readonly at: Date;
  /** The events that the machine and its children have emitted. */
  readonly emitted: readonly EmittedOf<TMachine>[];
  readonly reason?: EntryReason;
  readonly machine: string;
  readonly version: string;
};

/** An actor in a list. */
export interface Listed {
  readonly id: string;
  readonly machine: string;
  readonly version: string;
  readonly state: string;
  readonly tags: readonly string[];
  readonly status: Entry["status"];
  /** The moment at which it entered its state. */
  readonly since: Date;
  /** The moment at which it needs a worker next: a deadline, or at once while work waits. */
  readonly due: Date | null;
}

/** A page of a list of actors. */
export interface ListPage {
  readonly status?: Entry["status"];
  /** Only actors that have been in their state since this time or longer. */
  readonly waitingSince?: Date;
  /** At most this many. Default and at most: 1,000. */
  readonly limit?: number;
  /** Goes on after this id. */
  readonly after?: string;
}

/** The whole state of an actor: its value, or the text that a list shows for it. */
type StateOf<TValue> = TValue | (TValue extends string ? never : `{${string}`);

/**
 * A query of actors. A state and a tag need their machine, which types them. Beside the machine's name they are any
 * texts.
 */
export type ListQuery<TMachine extends AnyStateMachine = AnyStateMachine> = ListPage &
  (
    | {
        readonly machine: DurableMachine<TMachine>;
        readonly state?: StateOf<SnapshotFrom<NoInfer<TMachine>>["value"]>;
        readonly tag?: TagsFrom<NoInfer<TMachine>>;
      }
    | { readonly machine: string; readonly state?: string; readonly tag?: string }
    | { readonly machine?: undefined; readonly state?: undefined; readonly tag?: undefined }
  );

/** A query of actors as the engine takes it. */
export interface AnyListQuery extends ListPage {
  readonly machine?: DurableMachine | string | undefined;
  readonly state?: StateValue | undefined;
  readonly tag?: string | undefined;
}

export interface List {
  readonly actors: readonly Listed[];
  /** Give it as `after` for the next page. Null: this was the last. */
  readonly next: string | null;
  /** Workers write the list behind: what was done this long ago is in it, while the workers are alive. */
  readonly staleMs: number;
}

/** The events, timers and work that can move an actor. */
export interface Why {
  readonly state: string;
  readonly status: Entry["status"];
  readonly since: Date;
  /** The types of the events that a state of it takes now. Their guards are not evaluated. */
  readonly events: readonly string[];
  /** Why this process cannot read the actor's state: `events` is empty then. */
  readonly reason?: EntryReason;
  readonly timers: readonly { readonly event: string; readonly at: Date }[];
  readonly work: readonly {
    readonly id: string;
    readonly kind: "task" | "live" | "action" | "message";
    readonly name: string;
    readonly attempt: number;
    readonly lastError: string | null;
    readonly nextAttempt: Date | null;
  }[];
  /**
   * Something that the machines of this process lack to go on with the actor, as a task that it waits for. A worker with
   * these machines leaves it alone. Null: nothing.
   */
  readonly lack: string | null;
  /** True where nothing can move it. False also where this process cannot tell. */
  readonly isStuck: boolean;
}

export interface SendOptions {
  /** Makes the event count once in its actor, as long as the key is kept: see `retain` of the engine. */
  readonly key?: string;
  /** Joins the caller's transaction: both commit, or neither. */
  readonly session?: ClientSession;
}

/** The options of a start. The input is needed where the machine declares one. */
export type StartOptions<TMachine extends AnyStateMachine> = SendOptions & {
  /** Default: made from the key, or else random. */
  readonly id?: string;
} & (undefined extends InputFrom<TMachine>
    ? { readonly input?: InputFrom<TMachine> }
    : { readonly input: InputFrom<TMachine> });

/** Runs durable actors of XState machines on MongoDB. */
export interface Engine {
  /**
   * Starts an actor. One that was started with the same id, machine and input is a success.
   * @throws LockstepError `duplicate-start` where it has another input, `value-not-kept`, `machine-unknown`
   */
  start<TMachine extends AnyStateMachine>(
    machine: DurableMachine<TMachine>,
    ...[options]: undefined extends InputFrom<TMachine>
      ? [options?: StartOptions<TMachine>]
      : [options: StartOptions<TMachine>]
  ): Promise<string>;
  /**
   * Sends an event. It resolves after the commit.
   * @throws LockstepError `unknown-actor`, `entry-not-readable`, `value-not-kept`, `database-unreachable`; `conflict` where
   *   other writers were always first; with a `session` also `duplicate`
   */
  send<TMachine extends AnyStateMachine>(
    machine: DurableMachine<TMachine>,
    id: string,
    event: EventFromLogic<TMachine>,
    options?: SendOptions,
  ): Promise<Sent>;
  /** The present snapshot. @throws LockstepError `unknown-actor` */
  get<TMachine extends AnyStateMachine>(
    machine: DurableMachine<TMachine>,
    id: string,
  ): Promise<SnapshotFrom<TMachine>>;
  /** The first snapshot from now on for which the condition holds. @throws LockstepError `timeout`, `unknown-actor` */
  waitFor<TMachine extends AnyStateMachine>(
    machine: DurableMachine<TMachine>,
    id: string,
    condition: (snapshot: SnapshotFrom<TMachine>) => boolean,
    options?: { readonly timeoutMs?: number; readonly signal?: AbortSignal },
  ): Promise<SnapshotFrom<TMachine>>;
  /**
   * Each transition after a revision, in order, and then each new one, until the actor ends or the signal aborts. Without
   * `after` it begins with what the journal has.
   * @throws LockstepError `history-expired` where transitions after `after` were deleted, `unknown-actor`, `aborted`
   */
  watch<TMachine extends AnyStateMachine>(
    machine: DurableMachine<TMachine>,
    id: string,
    options?: { readonly after?: number; readonly signal?: AbortSignal },
  ): AsyncIterable<Change<TMachine>>;
  /** A page of the actors, in the order of their ids. @throws LockstepError `bad-argument` */
  list<TMachine extends AnyStateMachine>(query?: ListQuery<TMachine>): Promise<List>;
  /** Transitions in order. A page may end before its limit: the next one begins behind its last revision. */
  history(
    id: string,
    options?: { readonly from?: number; readonly limit?: number },
  ): Promise<readonly Change[]>;
  why(id: string): Promise<Why>;
  /**
   * Tries the way of each living actor to the next version of its machine, before that is deployed. It writes nothing.
   * The charts of the versions in `machines` tell more of the actors that are on them.
   * @throws LockstepError `machine-differs`, `database-unreachable`
   */
  check(next: DurableMachine, options?: CheckOptions): Promise<CheckResult>;
  /**
   * Stops an actor: its timers and its work end, and no exit action runs, as in XState. Actions that it has asked for are
   * still carried out. An actor that no process can read or migrate can be stopped, too.
   */
  stop(id: string): Promise<Sent>;
  /**
   * Ends this process's part in order: its work is given back to other workers. Each later call throws `aborted`, and so
   * does a `watch` or a `waitFor` that is under way.
   */
  close(): Promise<void>;
}
