import { limits } from "../../limits.ts";
import { type Log, silentLog } from "../../log.ts";
import { systemClock } from "../../ports/clock.ts";
import { startEngine } from "../create-engine.ts";
import type { DurableMachine } from "../definition/durable.ts";
import type { Engine } from "../engine-api.ts";
import type { Entry } from "../journal/entry.ts";
import { createMemoryEngineStore, type MemorySession } from "../journal/memory-store.ts";
import type { EngineStore } from "../journal/store.ts";
import { type FaultKind, killableStore, type Mortal, type WriteLog } from "./killable-store.ts";
import { turn } from "./settle.ts";
import { createVirtualClock, type VirtualClock } from "./virtual-clock.ts";

/** The parts of a host. */
export interface HostOptions {
  readonly machines: readonly DurableMachine[];
  readonly faults?: ReadonlyMap<number, FaultKind>;
  /** The only partition whose actors run. Default: all. */
  readonly only?: string;
  readonly log?: Log;
}

export type MakeStore = typeof createMemoryEngineStore;

/** A moment that somebody waits for beside the timers and attempts of the store, or null. */
export type NextMoment = (nowMs: number) => number | null;

interface Process extends Mortal {
  readonly engine: Promise<Engine>;
  readonly died: Promise<void>;
}

/**
 * One engine after another on one database in memory and one virtual clock. When one dies, the next one takes over at
 * the same moment, as if the lease of the dead one had just expired.
 */
export class EngineHost {
  readonly clock: VirtualClock = createVirtualClock();
  readonly store: EngineStore<MemorySession>;
  readonly log: WriteLog;
  readonly #options: HostOptions;
  readonly #actors = new Set<string>();
  #process: Process | undefined;
  #processes = 0;
  #seenLost = 0;
  nextMoment: NextMoment = () => null;

  /** @param makeStore makes another store than the one in memory. Its time has to be that of the clock. */
  constructor(options: HostOptions, makeStore: MakeStore = createMemoryEngineStore) {
    this.#options = options;
    this.store = makeStore({ nowMs: () => this.clock.nowMs() });
    this.log = { writes: [], faults: options.faults ?? new Map(), calls: 0, pending: 0, lost: 0 };
  }

  /** Calls back with the engine that runs, again with the next one where it dies meanwhile or loses an answer. */
  async ask<Result>(act: (engine: Engine) => Promise<Result>): Promise<Result> {
    for (let attempt = 1; ; attempt += 1) {
      const process = await this.#running();
      const lostBefore = this.log.lost;
      try {
        const answer = process.engine.then(act).then((result) => ({ result }));
        answer.catch(() => {});
        const answered = await this.#whileItMoves(answer, process);
        if (answered) return answered.result;
      } catch (error) {
        if (this.log.lost === lostBefore || attempt > limits.engineConflictsMax) throw error;
      }
    }
  }

  /** Kills the process that runs. */
  kill(): void {
    const process = this.#process;
    if (!process || process.isDead) return;
    process.isDead = true;
    process.onDeath();
  }

  /** Lets everything go on that needs no time. A process that dies on the way is replaced. */
  async settle(): Promise<void> {
    await this.#running();
    await this.#rest();
    while (this.#process?.isDead || this.#seenLost < this.log.lost) {
      await this.#running();
      if (this.#seenLost < this.log.lost) {
        // A process that lost an answer waits a little before it tries again, which costs no time here.
        this.#seenLost = this.log.lost;
        for (let round = 0; round < nudges; round += 1) {
          await this.#rest();
          this.clock.wakeAll();
        }
      }
      await this.#rest();
    }
  }

  /** Lets time pass, from one moment at which something is due to the next one. */
  async elapse(ms: number): Promise<void> {
    const endMs = this.clock.nowMs() + ms;
    await this.settle();
    while (this.clock.nowMs() < endMs) {
      const nextMs = await this.#nextMs();
      this.clock.jumpTo(nextMs === null ? endMs : Math.min(endMs, nextMs));
      await this.settle();
    }
  }

  /** Ends everything, without order. */
  dispose(): void {
    this.kill();
  }

  async #nextMs(): Promise<number | null> {
    const nowMs = this.clock.nowMs();
    const tails: Entry[] = [];
    for (let left: readonly string[] = [...this.#actors]; left.length > 0; ) {
      const page = await this.store.tails(left);
      tails.push(...page.tails);
      left = page.left;
    }
    const attempts = await this.store.attempts(
      tails.flatMap(({ work }: Entry) => work.map(({ id }) => id)),
    );
    const moments = [
      ...tails.flatMap(({ timers }) => timers.map(({ dueAtMs }) => dueAtMs)),
      ...attempts.map(({ nextAtMs }) => nextAtMs),
      this.nextMoment(nowMs),
    ];
    const later = moments.filter((moment) => moment !== null && moment > nowMs) as number[];
    return later.length === 0 ? null : Math.min(...later);
  }

  async #running(): Promise<Process> {
    for (;;) {
      const process = this.#process;
      if (process && !process.isDead) return process;
      await this.#boot();
    }
  }

  async #boot(): Promise<void> {
    for (const worker of await this.store.workers()) await this.store.renew(worker, -1);
    this.#processes += 1;
    const number = this.#processes;
    let onDeath = () => {};
    const died = new Promise<void>((resolve) => {
      onDeath = resolve;
    });
    const mortal: Mortal = { isDead: false, onDeath };
    const store = this.#noting(killableStore(this.store, this.log, mortal, this.#options.only));
    let names = 0;
    const boot = (): Promise<Engine> =>
      startEngine(
        { machines: this.#options.machines },
        {
          store,
          clock: this.#clockOf(mortal),
          // Time stands still between two moments, so that no clock drifts.
          databaseClock: { nowMs: () => store.nowMs() },
          random: {
            hex(bytes) {
              names += 1;
              const text = (number * 1_000_000 + names).toString(16);
              return text.padStart(bytes * 2, "0").slice(-bytes * 2);
            },
          },
          ...{ log: this.#options.log ?? silentLog, host: "host", pid: number },
        },
      ).catch((error: unknown) => {
        if (this.#seenLost === this.log.lost) throw error;
        this.#seenLost = this.log.lost;
        return boot();
      });
    const engine = boot();
    engine.catch(() => {});
    this.#process = Object.assign(mortal, { engine, died });
    await Promise.race([engine, died]);
  }

  /** The waits of a dead process never end. */
  #clockOf(mortal: Mortal) {
    return {
      monotonicMs: () => this.clock.monotonicMs(),
      sleep: async (ms: number, signal?: AbortSignal) => {
        this.log.calls += 1;
        await this.clock.sleep(ms, signal);
        if (mortal.isDead) await new Promise(() => {});
      },
    };
  }

  /** Notes the actors, since a store does not list them before their rows are written. */
  #noting(store: EngineStore<MemorySession>): EngineStore<MemorySession> {
    const note = this.#actors;
    return new Proxy(store, {
      get(target, name: keyof typeof store) {
        if (name !== "append") return target[name];
        return (...values: Parameters<typeof store.append>) => {
          for (const { actor } of values[0]) note.add(actor);
          return target.append(...values);
        };
      },
    });
  }

  async #whileItMoves<Answer>(answer: Promise<Answer>, process: Process): Promise<Answer | null> {
    const over = process.died.then(() => null);
    for (let round = 0; round < wakesMax; round += 1) {
      const first = await Promise.race([answer, over, this.#rest().then(() => restless)]);
      if (first !== restless) return first as Answer | null;
      // The answer waits for a moment. Nobody but a retry after a lost answer does so.
      this.clock.wakeAll();
    }
    throw new Error(`no answer at ${this.clock.nowMs()} ms`);
  }

  /** Waits until no store is called and nobody sleeps anew. */
  async #rest(): Promise<void> {
    for (let turns = 0, quiet = 0; quiet < 2; turns += 1) {
      if (turns > turnsMax) throw new Error(`no rest at ${this.clock.nowMs()} ms`);
      const before = this.log.calls;
      await turn();
      // A store in memory has answered by now.
      while (this.log.pending > 0) await systemClock.sleep(1);
      const woke = this.clock.wakeDue();
      quiet = woke || this.log.calls !== before ? 0 : quiet + 1;
    }
  }
}

const restless = Symbol("restless");
/** So often those who wait are woken after a lost answer: one that retries may lose the next one. */
const nudges = 2;
/** So often somebody who waits for an answer wakes everybody. */
const wakesMax = 100;
/** So many turns are never needed at one moment, but by a loop that does not wait. */
const turnsMax = 100_000;
