import type { Entry, Owner, Timer, Write } from "../journal/store.ts";
import type { EffectEvent, EffectHandler } from "./effects/effect-runner.ts";
import type { Readable } from "./read/read-entry.ts";
import type { Definition } from "./transition.ts";

/** The right to append to the actors of one owner. */
export interface Ownership {
  readonly owner: Owner;
  /** The prefix of the ids of all its actors. The engine reads no other actors. */
  readonly prefix: string;
  readonly epoch: number;
  /** Aborts when the right is lost. Nothing new starts after that. */
  readonly signal: AbortSignal;
  /** The fence. It joins each append of these actors. */
  readonly writes: readonly Write[];
  /** False for a timer that is due, and has to wait for news that may cancel it; default: each fires once it is due. */
  mayFire?(timer: Timer, storeMs: number): boolean;
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

/** Makes any XState machine durable. It knows nothing of upgrades. */
export interface Engine {
  /**
   * Takes over all actors of the owner and resumes their effects and timers. It leaves an actor alone that this build
   * cannot read: another build can.
   */
  own(ownership: Ownership): Promise<void>;
  /**
   * Creates an actor. One that exists already is a success.
   * @param options.protocol the machine's protocol; default: the latest that this build ships
   * @throws LockstepError `entry-not-readable` where one exists that this build cannot read, `entry-too-large`
   */
  create(
    actor: string,
    machine: string,
    input: unknown,
    options: { owner: Owner; writes?: readonly Write[]; protocol?: number },
  ): Promise<SendResult>;
  /**
   * Sends an event and resolves once it is in the journal. The caller's writes join the entry of an event that is
   * applied. An event that the actor ignores writes nothing else.
   * @throws LockstepError `fenced` when this engine does not own the actor (any more)
   * @throws LockstepError `conflict` when one of the caller's writes is refused
   * @throws LockstepError `entry-not-readable` when this build cannot read the actor. The event is not consumed.
   * @throws LockstepError `entry-too-large` when the snapshot or the entry would be too large. The event is consumed,
   *   and the journal has it as rejected with the reason.
   * @param options.key makes the event count once. Any text is allowed: keys of callers are apart from those of
   *   results and timers.
   */
  send(
    actor: string,
    event: EffectEvent,
    options?: { key?: string; writes?: readonly Write[] },
  ): Promise<SendResult>;
  onTransition(listener: (entry: Entry) => void): () => void;
  stop(): Promise<void>;
}
