import { assert, isLockstepError, LockstepError } from "../errors.ts";
import { isAtEnd, isOwner } from "../journal/entry-shape.ts";
import type { AppendResult, Effect, Entry, Owner, Store } from "../journal/store.ts";
import type { Log } from "../log.ts";
import type { Clock } from "../ports/clock.ts";
import { Actor, type ActorPorts, notOwned } from "./actor.ts";
import { createBatcher } from "./batcher.ts";
import type { EngineSpans } from "./effects/effect-runner.ts";
import type { Engine, EngineMachine, Ownership, SendResult } from "./engine-types.ts";
import { callerKey } from "./event-key.ts";
import { fireTimers } from "./fire-timers.ts";
import { findMachine, notReadable, readEntry } from "./read/read-entry.ts";
import { refuseMachine } from "./refuse-machine.ts";
import { firstTransition, type Transition, writerOf } from "./transition.ts";
import { untilOutcomeKnown, whileOwned } from "./unknown-outcome.ts";

export type { EffectContext, EffectHandler } from "./effects/effect-runner.ts";
export type { Engine, EngineMachine, Ownership } from "./engine-types.ts";

/** The machines of one process, and its means. */
export interface EngineOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly machines: Readonly<Record<string, EngineMachine>>;
  /** The name of this build in the entries that it writes. */
  readonly build?: string;
  /** The name of this process in the entries that it writes: its agent. */
  readonly by?: string;
  /** Default: no spans. */
  readonly spans?: EngineSpans | null | undefined;
  onStuckEffect(effect: Effect): void;
}

const sameOwner = (left: Owner, right: Owner): boolean =>
  left.kind === "role"
    ? right.kind === "role" && left.role === right.role
    : right.kind === "pinned" && left.agent === right.agent;

/** True for an actor that an owner has to take over. An owner that this build cannot read may be this one. */
function isToTakeOver(tail: Entry, owner: Owner): boolean {
  const isOver = isAtEnd(tail) && Array.isArray(tail.effects) && tail.effects.length === 0;
  return !isOver && (!isOwner(tail.owner) || sameOwner(tail.owner, owner));
}

/** @throws LockstepError `bad-argument` for a machine that cannot be durable */
export function createEngine(options: EngineOptions): Engine {
  for (const [name, machine] of Object.entries(options.machines)) {
    for (const each of [machine, ...(machine.earlier ?? [])]) {
      refuseMachine(name, each, each.effects);
    }
  }
  return new JournalEngine(options);
}

/** The actors of one process, by their journals. */
class JournalEngine implements Engine {
  readonly #options: EngineOptions;
  readonly #ports: ActorPorts;
  readonly #live = new Map<string, Actor>();
  /** Actors that this build could not read so far, each with its owner. */
  readonly #unread = new Map<string, Ownership>();
  readonly #owned: Ownership[] = [];
  readonly #listeners = new Set<(entry: Entry) => void>();
  readonly #stopping = new AbortController();
  readonly #loops = new Set<Promise<void>>();

  constructor(options: EngineOptions) {
    const { store, clock, log, machines, spans } = options;
    this.#options = options;
    this.#ports = {
      ...{
        store,
        clock,
        log,
        spans,
        batcher: createBatcher(store),
        stopping: this.#stopping.signal,
      },
      stampOf: ({ epoch }, at) => ({ epoch, at, ...writerOf(options) }),
      definitionOf(tail) {
        const definition = findMachine(machines, tail.machine, tail.protocol);
        if (definition) return definition;
        throw notReadable(tail, "this build ships no such machine");
      },
      onTransition: (entry) => this.#notify(entry),
      onStuckEffect: (effect) => options.onStuckEffect(effect),
    };
  }

  async own(ownership: Ownership): Promise<void> {
    const { store, clock, log } = this.#options;
    this.#owned.push(ownership);
    await this.#adoptAll(ownership);
    const actors = () =>
      [...this.#live.values()].filter((actor) => actor.ownership === ownership && !actor.isDeposed);
    const { mayFire = () => true } = ownership;
    const loop = whileOwned(ownership, this.#stopping.signal, (signal) =>
      fireTimers({ actors, mayFire, store, clock, log, signal }),
    );
    this.#loops.add(loop);
    void loop.finally(() => this.#loops.delete(loop));
  }

  async create(
    id: string,
    machine: string,
    input: unknown,
    { owner, writes = [], protocol }: Parameters<Engine["create"]>[3],
  ): Promise<SendResult> {
    const { store, machines } = this.#options;
    const ownership = this.#ownershipOf(owner);
    if (!ownership || this.#stopping.signal.aborted) throw notOwned(id);
    const definition = findMachine(machines, machine, protocol);
    assert(definition, `the engine knows the machine "${machine}"`, { machine, protocol });
    const stamp = this.#ports.stampOf(ownership, await store.now());
    const first = firstTransition(definition, { actor: id, machine, owner }, input, stamp);
    const allWrites = [...first.writes, ...writes];
    const { result, tail } = await this.#append(ownership, { ...first, writes: allWrites });
    if (result.kind === "refused") {
      if (result.write < ownership.writes.length) throw notOwned(id);
      throw new LockstepError("conflict", `"${id}" cannot be created: a write is refused`, {
        write: result.write - ownership.writes.length,
      });
    }
    assert(tail, "an actor that was created has a tail", { actor: id });
    if (!this.#live.has(id)) await this.#adopt(tail, ownership);
    if (result.kind !== "appended") return { kind: "duplicate", entry: tail };
    this.#notify(tail);
    return { kind: "applied", entry: tail };
  }

  async send(...[id, event, options = {}]: Parameters<Engine["send"]>): Promise<SendResult> {
    const { key, writes = [] } = options;
    const eventKey = key === undefined ? undefined : callerKey(key);
    const actor = this.#live.get(id);
    const ownership = this.#unread.get(id);
    if (this.#stopping.signal.aborted || (!actor && !ownership)) throw notOwned(id);
    if (actor) return actor.send(event, eventKey, { writes });
    // An operator may have repaired the entry since.
    const tail = await this.#options.store.tail(id);
    if (!tail || !ownership) throw notOwned(id);
    return (await this.#adopt(tail, ownership)).send(event, eventKey, { writes });
  }

  onTransition(listener: (entry: Entry) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new LockstepError("aborted", "the engine stops"));
    const actors = [...this.#live.values()];
    await Promise.all(actors.map((actor) => actor.stopEffects()));
    await Promise.allSettled(actors.map((actor) => actor.idle()));
    await this.#ports.batcher.idle();
    await Promise.allSettled([...this.#loops]);
  }

  #notify(entry: Entry): void {
    for (const listener of this.#listeners) listener(entry);
  }

  #ownershipOf(owner: Owner): Ownership | undefined {
    return this.#owned.find((held) => sameOwner(held.owner, owner) && !held.signal.aborted);
  }

  /** Appends an actor's first entry. After a lost answer it looks whether the actor was created. */
  async #append(
    ownership: Ownership,
    { entry, writes }: Transition,
  ): Promise<{ readonly result: AppendResult; readonly tail: Entry | undefined }> {
    const { store } = this.#options;
    try {
      const all = [...ownership.writes, ...writes];
      const result = await this.#ports.batcher.append({ entry, writes: all });
      return { result, tail: await store.tail(entry.actor) };
    } catch (error) {
      void untilOutcomeKnown(this.#ports, ownership, async () => {
        const found = await store.tail(entry.actor);
        if (found && !this.#live.has(entry.actor)) await this.#adopt(found, ownership);
        return found !== undefined;
      });
      throw error;
    }
  }

  /** @throws LockstepError `entry-not-readable`, `fenced` */
  async #adopt(tail: Entry, ownership: Ownership): Promise<Actor> {
    const previous = this.#live.get(tail.actor);
    if (previous && previous.ownership.epoch >= ownership.epoch && !previous.isDeposed) {
      return previous;
    }
    const read = readEntry(this.#options.machines, tail);
    if (read instanceof LockstepError) {
      this.#unread.set(tail.actor, ownership);
      throw read;
    }
    this.#unread.delete(tail.actor);
    const actor = new Actor(this.#ports, tail, ownership, previous);
    this.#live.set(tail.actor, actor);
    await actor.takeOver();
    return actor;
  }

  async #adoptAll(ownership: Ownership): Promise<void> {
    const { store, log } = this.#options;
    for (const tail of await store.tails(ownership.prefix)) {
      if (!isToTakeOver(tail, ownership.owner)) continue;
      try {
        await this.#adopt(tail, ownership);
      } catch (error) {
        if (!isLockstepError(error, "entry-not-readable")) throw error;
        log.warn(
          { details: error.details, error: error.message },
          "this build cannot read an actor, and leaves it alone",
        );
      }
    }
  }
}
