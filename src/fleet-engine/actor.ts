import { assert, isAway, isLockstepError, LockstepError } from "../errors.ts";
import type { Effect, Entry, Store, Timer, Write } from "../journal/store.ts";
import { limits } from "../limits.ts";
import type { Log } from "../log.ts";
import type { Clock } from "../ports/clock.ts";
import type { Batcher } from "./batcher.ts";
import { type EffectEvent, type EngineSpans, runEffect } from "./effects/effect-runner.ts";
import type { EngineMachine, Ownership, SendResult } from "./engine-types.ts";
import { type EventKey, effectKey, timerKey } from "./event-key.ts";
import { nextTransition, type Stamp, type Transition, takeoverTransition } from "./transition.ts";
import { untilOutcomeKnown } from "./unknown-outcome.ts";

/** The ports that the actors of one engine share. */
export interface ActorPorts {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly batcher: Batcher;
  readonly spans?: EngineSpans | null | undefined;
  /** Aborts when the engine stops. */
  readonly stopping: AbortSignal;
  stampOf(ownership: Ownership, at: number): Stamp;
  /** @throws LockstepError `entry-not-readable` */
  definitionOf(tail: Entry): EngineMachine;
  onTransition(entry: Entry): void;
  onStuckEffect(effect: Effect): void;
}

interface SendOptions {
  readonly writes?: readonly Write[];
  readonly isPending?: () => boolean;
}

/** The error of a process that does not own an actor. */
export function notOwned(actor: string): LockstepError {
  return new LockstepError("fenced", `this process does not own "${actor}" (any more)`, { actor });
}

/** One actor that this process owns: its latest entry, the queue of its events, and its running effects. */
export class Actor {
  readonly ownership: Ownership;
  readonly #ports: ActorPorts;
  readonly #running = new Map<string, ReturnType<typeof runEffect>>();
  #tail: Entry;
  #deposed = false;
  #queue: Promise<unknown> = Promise.resolve();
  /** Resolves when all cancelled effects have really ended. */
  #drained: Promise<unknown>;

  /** @param previous the same actor under an earlier ownership of this process: its effects end first */
  constructor(ports: ActorPorts, tail: Entry, ownership: Ownership, previous?: Actor) {
    this.#ports = ports;
    this.#tail = tail;
    this.ownership = ownership;
    this.#drained = previous ? previous.stopEffects() : Promise.resolve();
  }

  get tail(): Entry {
    return this.#tail;
  }

  get isDeposed(): boolean {
    return this.#deposed;
  }

  /** @throws LockstepError `fenced` where a newer owner has appended */
  async takeOver(): Promise<void> {
    const { ownership } = this;
    if (this.#tail.epoch > ownership.epoch) {
      this.#deposed = true;
      throw notOwned(this.#tail.actor);
    }
    if (this.#tail.epoch === ownership.epoch) return this.#startEffects();
    await this.#serialised(() =>
      this.#append(
        (latest, at) => takeoverTransition(latest, this.#ports.stampOf(ownership, at)),
        [],
      ),
    );
  }

  /**
   * Sends an event of a caller's, or a result of the actor's own work.
   * @param isPending false for an event that was answered or cancelled: it is a duplicate then
   * @throws LockstepError `fenced`, `conflict`, `entry-not-readable`, `entry-too-large`
   */
  send(
    event: EffectEvent,
    eventKey: EventKey | undefined,
    { writes = [], isPending = () => true }: SendOptions = {},
  ): Promise<SendResult> {
    return this.#serialised(async () => {
      if (!isPending()) return { kind: "duplicate", entry: this.#tail };
      const definition = this.#ports.definitionOf(this.#tail);
      const result = await this.#append((tail, at) => {
        const stamp = this.#ports.stampOf(this.ownership, at);
        const keyed = eventKey === undefined ? stamp : { ...stamp, eventKey };
        return nextTransition(definition, tail, event, keyed);
      }, writes);
      if (result === "duplicate") return { kind: "duplicate", entry: this.#tail };
      const { outcome, reason, actor } = result;
      assert(outcome !== "takeover", "an event is no takeover", { actor });
      if (reason?.code === "entry-too-large") {
        throw new LockstepError(reason.code, reason.message, reason.details);
      }
      return { kind: outcome, entry: result };
    });
  }

  /** Fires a timer, unless it has fired or was cancelled. */
  async fire(timer: Timer): Promise<void> {
    const isPending = () => this.#tail.timers.some(({ id }) => id === timer.id);
    await this.send(timer.event, timerKey(timer.id), { isPending });
  }

  /** Resolves once no effect runs any more. */
  async stopEffects(): Promise<void> {
    await Promise.all([...this.#running.values()].map((effect) => effect.stop()));
  }

  /** Resolves once no event waits for its commit any more. */
  async idle(): Promise<void> {
    await this.#queue;
  }

  /** Follows a durable entry: starts and stops effects, and calls the listeners. */
  #committed(entry: Entry): void {
    this.#tail = entry;
    const wanted = new Set(entry.effects.map(({ id }) => id));
    const gone = [...this.#running.values()].filter(({ effect }) => !wanted.has(effect.id));
    for (const { effect } of gone) this.#running.delete(effect.id);
    const cancelled = gone.filter(({ effect }) => effectKey(effect.id) !== entry.eventKey);
    if (cancelled.length > 0) {
      this.#drained = Promise.all([this.#drained, ...cancelled.map((running) => running.stop())]);
    }
    this.#ports.onTransition(entry);
    this.#startEffects();
  }

  #startEffects(): void {
    const tail = this.#tail;
    const { ownership } = this;
    const { stopping, clock, log, spans } = this.#ports;
    if (this.#deposed || ownership.signal.aborted || stopping.aborted) return;
    // A predecessor wrote this entry. Nothing starts before an entry of ours is durable.
    if (tail.epoch < ownership.epoch) return;
    const definition = this.#ports.definitionOf(tail);
    for (const effect of tail.effects) {
      if (this.#running.has(effect.id)) continue;
      const handler = definition.effects[effect.name];
      assert(handler, `somebody implements the effect "${effect.name}"`, { effect: effect.id });
      this.#running.set(
        effect.id,
        runEffect({
          effect,
          actor: tail.actor,
          epoch: ownership.epoch,
          handler,
          mayFail: tail.status === "active",
          after: this.#drained,
          signals: [ownership.signal, stopping],
          clock,
          log,
          spans,
          latest: () => this.#tail,
          onStuck: () => this.#ports.onStuckEffect(effect),
          onResult: (event) => this.#deliver(event, effect),
        }),
      );
    }
  }

  /**
   * Appends the result of an effect, also while there is no primary. After a change of ownership the new owner runs
   * the effect again, and that may be this process.
   */
  async #deliver(event: EffectEvent, { id, name }: Effect): Promise<void> {
    const { stopping, clock, log } = this.#ports;
    const isPending = () => this.#tail.effects.some((pending) => pending.id === id);
    for (let attempt = 1; !stopping.aborted; attempt += 1) {
      try {
        await this.send(event, effectKey(id), { isPending });
        return;
      } catch (error) {
        // The journal has the event as rejected, with the reason.
        if (isLockstepError(error, "entry-too-large")) {
          log.error({ effect: name, effectId: id, error: error.message }, "a result was rejected");
          return;
        }
        if (!isAway(error) || attempt >= limits.deliverAttemptsMax) throw error;
        await clock.sleep(limits.effectRetryDelayMs, stopping);
      }
    }
  }

  /** Finds entries that are durable although their answer was lost. Their effects start now. */
  async #catchUp(): Promise<void> {
    const { ownership } = this;
    const { actor, revision } = this.#tail;
    const missed = await this.#ports.store.entries(actor, revision + 1);
    if (missed.some(({ epoch }) => epoch > ownership.epoch)) {
      this.#deposed = true;
      throw notOwned(actor);
    }
    for (const entry of missed) this.#committed(entry);
  }

  async #append(
    make: (tail: Entry, at: number) => Transition,
    extra: readonly Write[],
  ): Promise<Entry | "duplicate"> {
    const { ownership } = this;
    const { store, batcher } = this.#ports;
    for (let attempt = 0; attempt < limits.appendConflictRetriesMax; attempt += 1) {
      if (this.#deposed || ownership.signal.aborted) throw notOwned(this.#tail.actor);
      const { entry, writes } = make(this.#tail, await store.now());
      const joined = [
        ...ownership.writes,
        ...writes,
        ...(entry.outcome === "applied" ? extra : []),
      ];
      const result = await batcher.append({ entry, writes: joined }).catch((error: unknown) => {
        const isKnown = async () => {
          await this.#catchUp();
          // The journal holds this entry, or another one of its revision. This entry can no longer follow that one.
          return this.#tail.revision >= entry.revision;
        };
        void untilOutcomeKnown(this.#ports, ownership, () => this.#serialised(isKnown));
        throw error;
      });
      switch (result.kind) {
        case "appended":
          this.#committed(entry);
          return entry;
        case "duplicate":
          await this.#catchUp();
          return "duplicate";
        case "refused":
          if (result.write < ownership.writes.length) {
            this.#deposed = true;
            throw notOwned(entry.actor);
          }
          throw new LockstepError("conflict", "a write that belongs to this event is refused", {
            write: result.write - ownership.writes.length,
          });
        case "revision-taken":
        case "undone":
          await this.#catchUp();
      }
    }
    throw new LockstepError(
      "conflict",
      "another process keeps appending to this actor: try again",
      {
        actor: this.#tail.actor,
      },
    );
  }

  #serialised<Result>(act: () => Promise<Result>): Promise<Result> {
    const result = this.#queue.then(act);
    this.#queue = result.catch(() => {});
    return result;
  }
}
