import { assert, isAway, isLockstepError, LockstepError, messageOf } from "../errors.ts";
import { limits } from "../limits.ts";
import type { Log } from "../log.ts";
import type { Clock } from "../ports/clock.ts";
import { linkController } from "../ports/linked-controller.ts";
import { isAtEnd, isOwner } from "../store/entry-shape.ts";
import type { Effect, Entry, Owner, Store, Write } from "../store/store.ts";
import { createBatcher } from "./batcher.ts";
import { type EffectEvent, runEffect } from "./effect-runner.ts";
import type { Engine, EngineMachine, Ownership, SendResult } from "./engine-types.ts";
import { fireTimers } from "./fire-timers.ts";
import { findMachine, notReadable, readEntry } from "./readable.ts";
import { refuseMachine } from "./refuse-machine.ts";
import { firstStep, nextStep, type Step, takeoverStep } from "./step.ts";

export type { EffectContext, EffectHandler } from "./effect-runner.ts";
export type { Engine, EngineMachine, Ownership, SendResult } from "./engine-types.ts";

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
  /** The name of this build in the entries that it writes. */
  build?: string;
  onStuckEffect(effect: Effect): void;
}): Engine {
  const { store, clock, log, machines } = options;
  for (const [name, machine] of Object.entries(machines)) {
    for (const each of [machine, ...(machine.earlier ?? [])]) {
      refuseMachine(name, each, each.effects);
    }
  }
  const stampOf = ({ epoch }: Ownership, at: number) => ({
    epoch,
    at,
    ...(options.build === undefined ? {} : { build: options.build }),
  });
  const batcher = createBatcher(store);
  const live = new Map<string, Live>();
  /** Actors that this build could not read when they were looked at, and whose they are. */
  const unread = new Map<string, Ownership>();
  const owned: Ownership[] = [];
  const listeners = new Set<(entry: Entry) => void>();
  const stopping = new AbortController();
  const loops = new Set<Promise<void>>();

  const definitionOf = (tail: Entry): EngineMachine => {
    const definition = findMachine(machines, tail.machine, tail.protocol);
    if (definition === undefined) throw notReadable(tail, "this build ships no such machine");
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
    const definition = definitionOf(tail);
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
        if (!isAway(error) || attempt >= limits.deliverAttemptsMax) throw error;
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
    const ownership = unread.get(id);
    if (stopping.signal.aborted || (!actor && !ownership)) return Promise.reject(fenced(id));
    if (actor) return sendTo(actor, event, options);
    // Somebody may have put it right since it was looked at.
    const again = async () => {
      const tail = await store.tail(id);
      if (!tail || !ownership) throw fenced(id);
      return sendTo(await adopt(tail, ownership), event, options);
    };
    return again();
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
      const definition = definitionOf(known);
      const result = await append(
        actor,
        (tail, at) =>
          nextStep(definition, tail, event, {
            ...stampOf(actor.ownership, at),
            ...(key === undefined ? {} : { eventKey: key }),
          }),
        writes,
      );
      if (result === "duplicate") return { kind: "duplicate", entry: actor.tail };
      assert(result.outcome !== "takeover", "an event is no takeover", { actor: id });
      return { kind: result.outcome, entry: result };
    });

  /** @throws LockstepError `entry-not-readable`, `fenced` */
  const adopt = async (tail: Entry, ownership: Ownership): Promise<Live> => {
    const previous = live.get(tail.actor);
    if (previous && previous.ownership.epoch >= ownership.epoch && !previous.deposed) {
      return previous;
    }
    const read = readEntry(machines, tail);
    if (read instanceof LockstepError) {
      unread.set(tail.actor, ownership);
      throw read;
    }
    unread.delete(tail.actor);
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
        append(actor, (latest, at) => takeoverStep(latest, stampOf(ownership, at)), []),
      );
    } else startEffects(actor);
    return actor;
  };

  const adoptAll = async (ownership: Ownership): Promise<void> => {
    for (const tail of await store.tails(ownership.prefix)) {
      // An owner that cannot be read may be this one.
      const isOurs = isOwner(tail.owner) ? sameOwner(tail.owner, ownership.owner) : true;
      const isOver = isAtEnd(tail) && Array.isArray(tail.effects) && tail.effects.length === 0;
      if (!isOurs || isOver) continue;
      try {
        await adopt(tail, ownership);
      } catch (error) {
        if (!isLockstepError(error, "entry-not-readable")) throw error;
        log.warn({ ...error.details, error: error.message }, "an actor is left alone");
      }
    }
  };

  return {
    async own(ownership) {
      owned.push(ownership);
      await adoptAll(ownership);
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

    async create(id, machine, input, { owner, writes = [], protocol }) {
      const ownership = ownershipOf(owner);
      if (!ownership || stopping.signal.aborted) throw fenced(id);
      const definition = findMachine(machines, machine, protocol);
      assert(definition, `the engine knows the machine "${machine}"`, { machine, protocol });
      const at = await store.now();
      const base = { actor: id, machine, owner };
      const step = firstStep(definition, base, input, stampOf(ownership, at));
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
