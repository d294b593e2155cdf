import { LockstepError } from "../../src/errors.ts";
import type { LeaseStore } from "../../src/leadership/lease.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type { Store } from "../../src/store/store.ts";
import type { Draw } from "./draw.ts";
import type { Scheduler } from "./scheduler.ts";

/** How the way to the database is, for everybody. */
export interface Weather {
  /** How often an operation is slow. */
  slow: number;
  slowMs: number;
  /** How often it does not reach the database. */
  lost: number;
  /** How often it does, and the answer is lost. */
  answerLost: number;
  /** How often the process dies right before or right after a write. */
  killAtWrite: number;
}

/** One process, as far as it can be killed, paused and cut off. */
export interface Life {
  readonly isAlive: boolean;
  kill(): void;
  pause(): void;
  resume(): void;
  /** Goes on once the process may; never for one that is dead. */
  turn(): Promise<void>;
  readonly clock: Clock;
  store(store: Store): Store;
  leases(leases: LeaseStore): LeaseStore;
}

const unreachable = () =>
  new LockstepError("database-unreachable", "the simulated network has lost it");

export function createLife(options: {
  scheduler: Scheduler;
  draw: Draw;
  weather: Weather;
  /** Its clock runs at this rate, from this origin. */
  rate: number;
  offsetMs: number;
  onKilled(): void;
}): Life {
  const { scheduler, draw, weather, rate, offsetMs } = options;
  let alive = true;
  let paused: { readonly over: Promise<void>; end(): void } | undefined;
  const never = new Promise<never>(() => {});

  const life: Life = {
    get isAlive() {
      return alive;
    },
    kill() {
      if (!alive) return;
      alive = false;
      paused?.end();
      options.onKilled();
    },
    pause() {
      if (paused) return;
      let end = () => {};
      const over = new Promise<void>((resolve) => {
        end = resolve;
      });
      paused = { over, end };
    },
    resume() {
      paused?.end();
      paused = undefined;
    },
    async turn() {
      while (alive && paused) await paused.over;
      if (!alive) await never;
    },
    clock: {
      monotonicMs: () => offsetMs + scheduler.nowMs() * rate,
      async sleep(ms, signal) {
        await scheduler.sleep(ms / rate, signal);
        await life.turn();
      },
    },
    store: (store) => ({
      now: () => through(false, () => store.now()),
      append: (entries, writes) => through(true, () => store.append(entries, writes)),
      write: (writes) => through(true, () => store.write(writes)),
      tail: (actor) => through(false, () => store.tail(actor)),
      tails: (prefix) => through(false, () => store.tails(prefix)),
      entries: (actor, from) => through(false, () => store.entries(actor, from)),
      hasKey: (actor, key) => through(false, () => store.hasKey(actor, key)),
      get: (collection, id) => through(false, () => store.get(collection, id)),
      list: (collection) => through(false, () => store.list(collection)),
      watch(onHint) {
        return store.watch(() => {
          void life.turn().then(onHint);
        });
      },
      close: async () => {},
    }),
    leases: (leases) => ({
      isFree: () => through(false, () => leases.isFree()),
      acquire: (claim) => through(true, () => leases.acquire(claim)),
      renew: (nonce, epoch, ttlMs) => through(true, () => leases.renew(nonce, epoch, ttlMs)),
      release: (nonce, epoch) => through(true, () => leases.release(nonce, epoch)),
      raiseFence: (epoch, holder) => through(true, () => leases.raiseFence(epoch, holder)),
    }),
  };

  const latency = async () => {
    const slow = draw.chance(weather.slow);
    await scheduler.sleep(slow ? draw.below(weather.slowMs) : 1 + draw.below(3));
    await life.turn();
  };

  /** One operation on the way to the database and back. */
  async function through<Result>(isWrite: boolean, act: () => Promise<Result>): Promise<Result> {
    await life.turn();
    await latency();
    if (draw.chance(weather.lost)) throw unreachable();
    const dies = isWrite && draw.chance(weather.killAtWrite);
    if (dies && draw.chance(0.5)) {
      life.kill();
      await life.turn();
    }
    const result = await act();
    if (dies) life.kill();
    await latency();
    if (draw.chance(weather.answerLost)) throw unreachable();
    return result;
  }
  return life;
}
