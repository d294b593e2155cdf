import { assert, isLockstepError, LockstepError } from "../errors.ts";
import { isAtEnd, isOwner } from "../journal/entry-shape.ts";
import type { Effect, Entry, Owner, Store } from "../journal/store.ts";
import type { Log } from "../log.ts";
import type { Clock } from "../ports/clock.ts";
import { Actor, type ActorPorts, notOwned } from "./actor.ts";
import { createBatcher } from "./batcher.ts";
import type { Engine, EngineMachine, Ownership } from "./engine-types.ts";
import { callerKey } from "./event-key.ts";
import { fireTimers } from "./fire-timers.ts";
import { lookAgain, whileOwned } from "./look-again.ts";
import { findMachine, notReadable, readEntry } from "./readable.ts";
import { refuseMachine } from "./refuse-machine.ts";
import { firstTransition } from "./transition.ts";

export type { EffectContext, EffectHandler } from "./effect-runner.ts";
export type { Engine, EngineMachine, Ownership, SendResult } from "./engine-types.ts";

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
  const live = new Map<string, Actor>();
  /** Actors that this build could not read when they were looked at, and whose they are. */
  const unread = new Map<string, Ownership>();
  const owned: Ownership[] = [];
  const listeners = new Set<(entry: Entry) => void>();
  const stopping = new AbortController();
  const loops = new Set<Promise<void>>();
  const ports: ActorPorts = {
    ...{ store, clock, log, stampOf, batcher: createBatcher(store), stopping: stopping.signal },
    definitionOf(tail) {
      const definition = findMachine(machines, tail.machine, tail.protocol);
      if (definition) return definition;
      throw notReadable(tail, "this build ships no such machine");
    },
    onTransition(entry) {
      for (const listener of listeners) listener(entry);
    },
    onStuckEffect: options.onStuckEffect,
  };
  const ownershipOf = (owner: Owner): Ownership | undefined =>
    owned.find((held) => sameOwner(held.owner, owner) && !held.signal.aborted);

  const send: Engine["send"] = async (id, event, { key, writes = [] } = {}) => {
    const eventKey = key === undefined ? undefined : callerKey(key);
    const actor = live.get(id);
    const ownership = unread.get(id);
    if (stopping.signal.aborted || (!actor && !ownership)) throw notOwned(id);
    if (actor) return actor.send(event, eventKey, { writes });
    // Somebody may have put it right since it was looked at.
    const tail = await store.tail(id);
    if (!tail || !ownership) throw notOwned(id);
    return (await adopt(tail, ownership)).send(event, eventKey, { writes });
  };

  /** @throws LockstepError `entry-not-readable`, `fenced` */
  const adopt = async (tail: Entry, ownership: Ownership): Promise<Actor> => {
    const previous = live.get(tail.actor);
    if (previous && previous.ownership.epoch >= ownership.epoch && !previous.isDeposed) {
      return previous;
    }
    const read = readEntry(machines, tail);
    if (read instanceof LockstepError) {
      unread.set(tail.actor, ownership);
      throw read;
    }
    unread.delete(tail.actor);
    const actor = new Actor(ports, tail, ownership, previous);
    live.set(tail.actor, actor);
    await actor.takeOver();
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
      const actors = () =>
        [...live.values()].filter((actor) => actor.ownership === ownership && !actor.isDeposed);
      const loop = whileOwned(ownership, stopping.signal, (signal) =>
        fireTimers({ actors, store, clock, log, signal }),
      );
      loops.add(loop);
      void loop.finally(() => loops.delete(loop));
    },

    async create(id, machine, input, { owner, writes = [], protocol }) {
      const ownership = ownershipOf(owner);
      if (!ownership || stopping.signal.aborted) throw notOwned(id);
      const definition = findMachine(machines, machine, protocol);
      assert(definition, `the engine knows the machine "${machine}"`, { machine, protocol });
      const at = await store.now();
      const base = { actor: id, machine, owner };
      const step = firstTransition(definition, base, input, stampOf(ownership, at));
      const outcome = async () => {
        const result = await ports.batcher.append({
          entry: step.entry,
          writes: [...ownership.writes, ...step.writes, ...writes],
        });
        return [result, await store.tail(id)] as const;
      };
      const [result, tail] = await outcome().catch((error: unknown) => {
        void lookAgain(ports, ownership, async () => {
          const found = await store.tail(id);
          if (found && !live.has(id)) await adopt(found, ownership);
          return found !== undefined;
        });
        throw error;
      });
      if (result.kind === "refused") {
        if (result.write < ownership.writes.length) throw notOwned(id);
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
      const actors = [...live.values()];
      await Promise.all(actors.map((actor) => actor.stopEffects()));
      await Promise.allSettled(actors.map((actor) => actor.idle()));
      await ports.batcher.idle();
      await Promise.allSettled([...loops]);
    },
  };
}
