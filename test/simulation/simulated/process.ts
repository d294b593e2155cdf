import { LockstepError } from "../../../src/errors.ts";
import type { AppendResult, Store } from "../../../src/journal/store.ts";
import type { LeaseStore } from "../../../src/leadership/lease.ts";
import type { Clock } from "../../../src/ports/clock.ts";
import type { Draw } from "../draw.ts";
import type { Scheduler } from "../scheduler.ts";

/** How the way to the database is, for everybody. */
export interface NetworkFaults {
  /** An operation takes up to this each way; 0 for at once. */
  typicalMs: number;
  /** How often an operation is slow. */
  slow: number;
  slowMs: number;
  /** How often it does not reach the database. */
  lost: number;
  /** How often it does, and the answer is lost. */
  answerLost: number;
  /** How often an entry arrives a second time, some time later. */
  doubled: number;
  /** How often a write outside a transaction lands after its process was told that it was lost. */
  late: number;
}

/** The primary, as far as it can die with writes that no majority has seen. */
export interface Primary {
  /** While it dies: resolves when its successor is there, and what was written meanwhile is gone. */
  readonly dying: Promise<void> | null;
}

/** One process, as far as it can be killed, paused and cut off. */
export interface SimulatedProcess {
  readonly isAlive: boolean;
  kill(): void;
  /** Dies at its n-th write from now, before or after it. */
  killAtWrite(nth: number, before: boolean): void;
  pause(): void;
  resume(): void;
  /** Goes on once the process may; never for one that is dead. */
  turn(): Promise<void>;
  /** A write to the disk or the database: where a drawn kill may come. */
  write<Result>(act: () => Promise<Result> | Result): Promise<Result>;
  readonly clock: Clock;
  store(store: Store): Store;
  leases(leases: LeaseStore): LeaseStore;
}

/** How long a write may be on its way. */
const lateMsMax = 20_000;

const unreachable = () =>
  new LockstepError("database-unreachable", "the simulated network has lost it");

export function createSimulatedProcess(options: {
  scheduler: Scheduler;
  draw: Draw;
  networkFaults: NetworkFaults;
  primary: Primary;
  /** Its clock runs at this rate, from this origin. */
  rate: number;
  offsetMs: number;
  onKilled(): void;
}): SimulatedProcess {
  const { scheduler, draw, networkFaults, primary, rate, offsetMs } = options;
  let alive = true;
  let paused: { readonly over: Promise<void>; end(): void } | undefined;
  let doomed: { left: number; before: boolean } | undefined;
  const never = new Promise<never>(() => {});

  const simulatedProcess: SimulatedProcess = {
    get isAlive() {
      return alive;
    },
    kill() {
      if (!alive) return;
      alive = false;
      paused?.end();
      options.onKilled();
    },
    killAtWrite(nth, before) {
      doomed = { left: nth, before };
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
    async write(act) {
      if (!alive || paused) await simulatedProcess.turn();
      if (doomed) doomed.left -= 1;
      const dies = doomed?.left === 0;
      if (dies && doomed?.before) {
        simulatedProcess.kill();
        await never;
      }
      try {
        return await act();
      } finally {
        if (dies) {
          simulatedProcess.kill();
          await never;
        }
      }
    },
    clock: {
      monotonicMs: () => offsetMs + scheduler.nowMs() * rate,
      async sleep(ms, signal) {
        await scheduler.sleep(ms / rate, signal);
        if (!alive || paused) await simulatedProcess.turn();
      },
    },
    store: (store) => ({
      now: () => read(() => store.now()),
      append(entries, writes = []) {
        const act = () => store.append(entries, writes);
        return writes.length === 0 ? writeAlone(twice(act)) : write(act);
      },
      write(writes) {
        const act = () => store.write(writes);
        return writes.length === 1 ? writeAlone(act) : write(act);
      },
      erase: (collection, ids, name) => write(() => store.erase(collection, ids, name)),
      tail: (actor) => read(() => store.tail(actor)),
      tails: (prefix) => read(() => store.tails(prefix)),
      lastTail: (prefix) => read(() => store.lastTail(prefix)),
      heads: (actor) => read(() => store.heads(actor)),
      entries: (actor, from, limit) => read(() => store.entries(actor, from, limit)),
      entriesAt: (places) => read(() => store.entriesAt(places)),
      get: (collection, id) => read(() => store.get(collection, id)),
      list: (collection, where, page) => read(() => store.list(collection, where, page)),
      watch(onHint) {
        return store.watch((what) => {
          if (networkFaults.lost > 0 && draw.chance(networkFaults.lost)) return;
          if (alive && !paused) onHint(what);
          else if (alive) void simulatedProcess.turn().then(() => onHint(what));
        });
      },
      close: async () => {},
    }),
    leases: (leases) => ({
      freeInMs: () => read(() => leases.freeInMs()),
      acquire: (claim) => write(() => leases.acquire(claim)),
      // No kill is counted by renewals: how many there are says nothing of what an upgrade does.
      renew: (nonce, epoch, ttlMs) => read(survives(() => leases.renew(nonce, epoch, ttlMs))),
      release: (nonce, epoch) => write(() => leases.release(nonce, epoch)),
      raiseFence: (epoch, holder) => write(() => leases.raiseFence(epoch, holder)),
    }),
  };

  const latencyMs = () => {
    const isSlow = networkFaults.slow > 0 && draw.chance(networkFaults.slow);
    return draw.below(1 + (isSlow ? networkFaults.slowMs : networkFaults.typicalMs));
  };

  /** One operation on the way to the database and back. */
  async function read<Result>(act: () => Promise<Result>): Promise<Result> {
    if (!alive || paused) await simulatedProcess.turn();
    const thereMs = latencyMs();
    if (thereMs > 0) await scheduler.sleep(thereMs);
    if (!alive || paused) await simulatedProcess.turn();
    if (networkFaults.lost > 0 && draw.chance(networkFaults.lost)) throw unreachable();
    const result = await act();
    // As often as not the answer is there at once; else others act between.
    const backMs = draw.chance(0.5) ? latencyMs() : 0;
    if (backMs > 0) await scheduler.sleep(backMs);
    if (!alive || paused) await simulatedProcess.turn();
    if (networkFaults.answerLost > 0 && draw.chance(networkFaults.answerLost)) throw unreachable();
    return result;
  }

  /** Written where no majority will ever see it: it never was, and nobody is told. */
  function survives<Result>(act: () => Promise<Result>): () => Promise<Result> {
    return async () => {
      if (!primary.dying) return act();
      await primary.dying;
      throw unreachable();
    };
  }

  /** On its way, whatever becomes of its process. */
  const land = (act: () => Promise<unknown>): void => {
    void scheduler
      .sleep(draw.below(lateMsMax))
      .then(survives(act))
      .catch(() => {});
  };

  /** An append that arrives a second time, also after others' writes, must find that it has been done. */
  function twice(act: () => Promise<readonly AppendResult[]>): typeof act {
    return async () => {
      const results = await act();
      const isDoubled = networkFaults.doubled > 0 && draw.chance(networkFaults.doubled);
      if (isDoubled && results.every(({ kind }) => kind === "appended")) land(act);
      return results;
    };
  }

  function write<Result>(act: () => Promise<Result>): Promise<Result> {
    return read(() => simulatedProcess.write(survives(act)));
  }

  /** Outside a transaction: that holds what it is about to change until it has ended, this does not. */
  function writeAlone<Result>(act: () => Promise<Result>): Promise<Result> {
    return write(() => {
      if (!(networkFaults.late > 0 && draw.chance(networkFaults.late))) return act();
      land(act);
      throw unreachable();
    });
  }
  return simulatedProcess;
}
