import type { Entry, Owner, Write } from "../journal/store.ts";
import type { EffectEvent, EffectHandler } from "./effect-runner.ts";
import type { Readable } from "./readable.ts";
import type { Definition } from "./transition.ts";

/** The right to append to the actors of one owner. */
export interface Ownership {
  readonly owner: Owner;
  /** The prefix of the ids of all its actors: other actors are not read. */
  readonly prefix: string;
  readonly epoch: number;
  /** Aborts when the right is lost: nothing new starts from then on. */
  readonly signal: AbortSignal;
  /** Joined to each append of these actors: the fence. */
  readonly writes: readonly Write[];
}

export interface EngineMachine extends Definition, Readable {
  /** Named actions that run after the commit. */
  readonly effects: Readonly<Record<string, EffectHandler>>;
  readonly earlier?: readonly EngineMachine[];
}

export interface SendResult {
  readonly kind: "applied" | "ignored" | "rejected" | "duplicate";
  /** The actor's latest entry. */
  readonly entry: Entry;
}

/** Any XState machine, durable. It knows nothing of upgrades. */
export interface Engine {
  /**
   * Takes over all actors of the owner and resumes their effects and timers. An actor that this build cannot
   * read is left alone, for a build that can.
   */
  own(ownership: Ownership): Promise<void>;
  /**
   * Creates an actor; one that exists already is a success.
   * @param options.protocol the machine's, where it is not the latest that this build ships
   * @throws LockstepError `entry-not-readable` where one exists that this build cannot read, `entry-too-large`
   */
  create(
    actor: string,
    machine: string,
    input: unknown,
    options: { owner: Owner; writes?: readonly Write[]; protocol?: number },
  ): Promise<SendResult>;
  /**
   * Sends an event; resolves once it is in the journal. The caller's writes are joined where it is applied:
   * an event that the actor ignores takes nothing else with it.
   * @throws LockstepError `fenced` when this engine does not own the actor (any more);
   *   `conflict` when a write of the caller's is refused; `entry-not-readable` when this build cannot read
   *   the actor: the event is not consumed; `entry-too-large` when the snapshot or the entry would be: the event is
   *   consumed, and the journal says that it was rejected and why
   * @param options.key makes the event count once: any text, a space of its own beside results and timers
   */
  send(
    actor: string,
    event: EffectEvent,
    options?: { key?: string; writes?: readonly Write[] },
  ): Promise<SendResult>;
  onTransition(listener: (entry: Entry) => void): () => void;
  stop(): Promise<void>;
}
