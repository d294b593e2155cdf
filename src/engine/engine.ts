import { assert, isLockstepError, LockstepError, messageOf } from "../errors.ts";
import { limits } from "../limits.ts";
import type { Log } from "../log.ts";
import type { Clock } from "../ports/clock.ts";
import { linkController } from "../ports/linked-controller.ts";
import type { Effect, Entry, Owner, Store, Write } from "../store/store.ts";
import { createBatcher } from "./batcher.ts";
import { type EffectEvent, type EffectHandler, runEffect } from "./effect-runner.ts";
import { fireTimers } from "./fire-timers.ts";
import { refuseMachine } from "./refuse-machine.ts";
import { type Definition, firstStep, nextStep, type Step, takeoverStep } from "./step.ts";

export type { EffectContext, EffectEvent, EffectHandler } from "./effect-runner.ts";

/** The right to append to the actors of one owner. */
export interface Ownership {
  readonly owner: Owner;
  /** What the ids of all its actors start with: others' are not read. */
  readonly prefix: string;
  readonly epoch: number;
  /** Aborts when the right is lost: nothing new starts from then on. */
  readonly signal: AbortSignal;
  /** Joined to each append of these actors: the fence. */
  readonly writes: readonly Write[];
}

export interface EngineMachine extends Definition {
  /** Named actions that run after the commit. */
  readonly effects: Readonly<Record<string, EffectHandler>>;
}

export interface SendResult {
  readonly kind: "applied" | "ignored" | "rejected" | "duplicate";
  /** The actor's latest entry. */
  readonly entry: Entry;
}

/** Any XState machine, durable. It knows nothing of upgrades. */
export interface Engine {
  /** Takes over all actors of the owner and resumes their effects and timers. */
  own(ownership: Ownership): Promise<void>;
  /** Creates an actor; one that exists already is a success. */
  create(
    actor: string,
    machine: string,
    input: unknown,
    options: { owner: Owner; writes?: readonly Write[] },
  ): Promise<SendResult>;
  /**
   * Sends an event; resolves once it is in the journal. The caller's writes are joined where it is applied:
   * an event that the actor ignores takes nothing else with it.
   * @throws LockstepError `fenced` when this engine does not own the actor (any more);
   *   `conflict` when a write of the caller's is refused
   */
  send(
    actor: string,
    event: EffectEvent,
    options?: { key?: string; writes?: readonly Write[] },
  ): Promise<SendResult>;
  onTransition(listener: (entry: Entry) => void): () => void;
  stop(): Promise<void>;
}

interface Live {
  tail: Entry;
  readonly ownership: Ownership;
  deposed: boolean;
  queue: Promise<unknown>;
  readonly running: Map<string, ReturnType<typeof runEffect>>;
  /** Resolves when all cancelled effects have really ended. */
  drained: Promise<unknown>;
}

const sameOwner = (left: Owner, right: Owner): boolean =>
  left.kind === "role"
    ? right.kind === "role" && left.role === right.role
    : right.kind === "pinned" && left.agent === right.agent;

export function createEngine(options: {
  store: Store;
  clock: Clock;
  log: Log;
  machines: Readonly<Record<string, EngineMachine>>;
  onStuckEffect(effect: Effect): void;
}): Engine {
  const { store, clock, log, machines } = options;
  for (const [name, machine] of Object.entries(machines)) {
    refuseMachine(name, machine, machine.effects);
  }
  const batcher = createBatcher(store);
  const live = new Map<string, Live>();
  const owned: Ownership[] = [];
  const listeners = new Set<(entry: Entry) => void>();
  const stopping = new AbortController();
  const loops = new Set<Promise<void>>();

  const definitionOf = (name: string): EngineMachine => {
    const definition = machines[name];
    assert(definition, `the engine knows the machine "${name}"`, { machine: name });
    return definition;
  };
  const fenced = (actor: string): LockstepError =>
    new LockstepError("fenced", `this process does not own "${actor}" (any more)`, { actor });
  const ownershipOf = (owner: Owner): Ownership | undefined =>
    owned.find((held) => sameOwner(held.owner, owner) && !held.signal.aborted);

  /** What has to happen after an entry is durable: effects started and stopped, listeners told. */
  const committed = (actor: Live, entry: Entry): void => {
    actor.tail = entry;
    const wanted = new Set(entry.effects.map(({ id }) => id));
    const gone = [...actor.running.values()].filter(({ effect }) => !wanted.has(effect.id));
    for (const { effect } of gone) actor.running.delete(effect.id);
    const answered = gone.filter(({ effect }) => effect.id !== entry.eventKey);
    if (answered.length > 0) {
      actor.drained = Promise.all([actor.drained, ...answered.map((running) => running.stop())]);
    }
    for (const listener of listeners) listener(entry);
    startEffects(actor);
  };

  const startEffects = (actor: Live): void => {
    const { ownership, tail } = actor;
    if (actor.deposed || ownership.signal.aborted || stopping.signal.aborted) return;
    // A predecessor's: nothing starts before an entry of our own is durable.
    if (tail.epoch < ownership.epoch) return;
    const definition = definitionOf(tail.machine);
    for (const effect of tail.effects) {
      if (actor.running.has(effect.id)) continue;
      const handler = definition.effects[effect.name];
      assert(handler, `somebody implements the effect "${effect.name}"`, { effect: effect.id });
      actor.running.set(
        effect.id,
        runEffect({
          effect,
          actor: tail.actor,
          epoch: ownership.epoch,
          handler,
          mayFail: tail.status === "active",
          after: actor.drained,
          signals: [ownership.signal, stopping.signal],
          clock,
          log,
          onStuck: () => options.onStuckEffect(effect),
          onResult: (event) => deliver(actor, event, effect.id),
        }),
      );
    }
  };

  /**
   * A result has to reach the journal even while there is no primary. It is its owner's: who owns the actor
   * anew, and be it this process, runs the effect again.
   */
  const deliver = async (actor: Live, event: EffectEvent, key: string): Promise<void> => {
    for (let attempt = 1; !stopping.signal.aborted; attempt += 1) {
      try {
        await sendTo(actor, event, { key });
        return;
      } catch (error) {
        const waiting = isLockstepError(error, "database-unreachable");
        if (!waiting || attempt >= limits.deliverAttemptsMax) throw error;
        await clock.sleep(limits.effectRetryDelayMs, stopping.signal);
      }
    }
  };

  /** Entries that are durable though their answer was lost: what follows a commit follows now. */
  const catchUp = async (actor: Live): Promise<void> => {
    const { tail, ownership } = actor;
    const missed = await store.entries(tail.actor, tail.revision + 1);
    if (missed.some(({ epoch }) => epoch > ownership.epoch)) {
      actor.deposed = true;
      throw fenced(tail.actor);
    }
    for (const entry of missed) committed(actor, entry);
  };

  /** Until it has ended, the ownership is lost, or the engine stops. */
  const whileOwned = async (
    ownership: Ownership,
    act: (signal: AbortSignal) => Promise<void>,
  ): Promise<void> => {
    const { controller, unlink } = linkController([ownership.signal, stopping.signal]);
    await act(controller.signal).finally(unlink);
  };

  /**
   * What may have become durable although its answer was lost is looked for until it is known: nobody
   * else may come by and collide with it. Each look waits twice as long as the one before, two minutes in
   * all: a write may land long after its sender was told that the way is lost.
   */
  const lookAgain = (ownership: Ownership, isKnown: () => Promise<boolean>): Promise<void> =>
    whileOwned(ownership, async (signal) => {
      let looks = 0;
      for (let attempt = 0; attempt < limits.deliverAttemptsMax && !signal.aborted; attempt += 1) {
        await clock.sleep(limits.effectRetryDelayMs * 2 ** looks, signal);
        try {
          if (signal.aborted || (await isKnown())) return;
          looks += 1;
        } catch (error) {
          if (isLockstepError(error, "fenced")) return;
          log.info({ error: messageOf(error) }, "it is not known yet what became of a write");
        }
        if (looks >= limits.unknownOutcomeReadsMax) return;
      }
    });

  const append = async (
    actor: Live,
    make: (tail: Entry, at: number) => Step,
    extra: readonly Write[],
  ): Promise<Entry | "duplicate"> => {
    const { ownership } = actor;
    for (let attempt = 0; attempt < limits.appendConflictRetriesMax; attempt += 1) {
      if (actor.deposed || ownership.signal.aborted) throw fenced(actor.tail.actor);
      const { entry, writes } = make(actor.tail, await store.now());
      const result = await batcher
        .append({
          entry,
          writes: [...ownership.writes, ...writes, ...(entry.outcome === "applied" ? extra : [])],
        })
        .catch((error: unknown) => {
          const isKnown = async () => {
            await catchUp(actor);
            // Be it this entry or another of its revision, which it can follow no more.
            return actor.tail.revision >= entry.revision;
          };
          void lookAgain(ownership, () => serialised(actor, isKnown));
          throw error;
        });
      switch (result.kind) {
        case "appended":
          committed(actor, entry);
          return entry;
        case "duplicate":
          await catchUp(actor);
          return "duplicate";
        case "refused":
          if (result.write < ownership.writes.length) {
            actor.deposed = true;
            throw fenced(entry.actor);
          }
          throw new LockstepError("conflict", "a write that belongs to this event is refused", {
            write: result.write - ownership.writes.length,
          });
        case "conflict":
        case "undone":
          await catchUp(actor);
      }
    }
    throw new LockstepError("conflict", "somebody else appends all the time", {
      actor: actor.tail.actor,
    });
  };

  const serialised = <Result>(actor: Live, act: () => Promise<Result>): Promise<Result> => {
    const result = actor.queue.then(act);
    actor.queue = result.catch(() => {});
    return result;
  };

  const send: Engine["send"] = (id, event, options) => {
    const actor = live.get(id);
    if (!actor || stopping.signal.aborted) return Promise.reject(fenced(id));
    return sendTo(actor, event, options);
  };

  const sendTo = (
    actor: Live,
    event: EffectEvent,
    { key, writes = [] }: { key?: string; writes?: readonly Write[] } = {},
  ): Promise<SendResult> =>
    serialised(actor, async () => {
      const known = actor.tail;
      const id = known.actor;
      const spent =
        key?.startsWith(`${id}/`) &&
        ![...known.effects, ...known.timers].some((pending) => pending.id === key);
      if (spent) return { kind: "duplicate", entry: known };
      const definition = definitionOf(known.machine);
      const result = await append(
        actor,
        (tail, at) =>
          nextStep(definition, tail, event, {
            epoch: actor.ownership.epoch,
            at,
            ...(key === undefined ? {} : { eventKey: key }),
          }),
        writes,
      );
      if (result === "duplicate") return { kind: "duplicate", entry: actor.tail };
      assert(result.outcome !== "takeover", "an event is no takeover", { actor: id });
      return { kind: result.outcome, entry: result };
    });

  const adopt = async (tail: Entry, ownership: Ownership): Promise<void> => {
    const previous = live.get(tail.actor);
    if (previous && previous.ownership.epoch >= ownership.epoch && !previous.deposed) return;
    const actor: Live = {
      tail,
      ownership,
      deposed: false,
      queue: Promise.resolve(),
      running: new Map(),
      drained: Promise.all(
        [...(previous?.running.values() ?? [])].map((running) => running.stop()),
      ),
    };
    live.set(tail.actor, actor);
    if (tail.epoch > ownership.epoch) {
      actor.deposed = true;
      throw fenced(tail.actor);
    }
    if (tail.epoch < ownership.epoch) {
      await serialised(actor, () =>
        append(actor, (latest, at) => takeoverStep(latest, { epoch: ownership.epoch, at }), []),
      );
    } else startEffects(actor);
  };

  return {
    async own(ownership) {
      owned.push(ownership);
      const tails = (await store.tails(ownership.prefix)).filter(
        (tail) =>
          sameOwner(tail.owner, ownership.owner) &&
          (tail.status === "active" || tail.effects.length > 0),
      );
      for (const tail of tails) await adopt(tail, ownership);
      const ownedTails = () =>
        [...live.values()].flatMap((actor) =>
          actor.ownership === ownership && !actor.deposed ? [actor.tail] : [],
        );
      const loop = whileOwned(ownership, (signal) =>
        fireTimers({ tails: ownedTails, send, store, clock, log, signal }),
      );
      loops.add(loop);
      void loop.finally(() => loops.delete(loop));
    },

    async create(id, machine, input, { owner, writes = [] }) {
      const ownership = ownershipOf(owner);
      if (!ownership || stopping.signal.aborted) throw fenced(id);
      const definition = definitionOf(machine);
      const at = await store.now();
      const base = { actor: id, machine, owner };
      const step = firstStep(definition, base, input, { epoch: ownership.epoch, at });
      const outcome = async () => {
        const result = await batcher.append({
          entry: step.entry,
          writes: [...ownership.writes, ...step.writes, ...writes],
        });
        return [result, await store.tail(id)] as const;
      };
      const [result, tail] = await outcome().catch((error: unknown) => {
        void lookAgain(ownership, async () => {
          const found = await store.tail(id);
          if (found && !live.has(id)) await adopt(found, ownership);
          return found !== undefined;
        });
        throw error;
      });
      if (result.kind === "refused") {
        if (result.write < ownership.writes.length) throw fenced(id);
        throw new LockstepError("conflict", `"${id}" cannot be created: a write is refused`, {
          write: result.write - ownership.writes.length,
        });
      }
      assert(tail, "an actor that was created has a tail", { actor: id });
      if (!live.has(id)) await adopt(tail, ownership);
      if (result.kind !== "appended") return { kind: "duplicate", entry: tail };
      for (const listener of listeners) listener(tail);
      return { kind: "applied", entry: tail };
    },

    send,

    onTransition(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },

    async stop() {
      stopping.abort(new LockstepError("aborted", "the engine stops"));
      const running = [...live.values()].flatMap((actor) => [...actor.running.values()]);
      await Promise.all(running.map((effect) => effect.stop()));
      await Promise.allSettled([...live.values()].map(({ queue }) => queue));
      await batcher.idle();
      await Promise.allSettled([...loops]);
    },
  };
}
