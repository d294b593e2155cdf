import type { Entry } from "../../../src/engine/journal/entry.ts";
import type { MemorySession } from "../../../src/engine/journal/memory-store.ts";
import type { EngineStore, Hint, Watch, WatchListener } from "../../../src/engine/journal/store.ts";
import { holdCommit } from "../../../src/engine/testing/hold-commit.ts";
import { LockstepError } from "../../../src/errors.ts";
import { limits } from "../../../src/limits.ts";
import type { Draw } from "../../simulation/draw.ts";
import type { Scheduler } from "../../simulation/scheduler.ts";
import type { SimulatedProcess } from "./simulated-process.ts";

type Store = EngineStore<MemorySession>;

/** How likely what happens to one call. */
export interface Weather {
  /** It takes effect, and its answer is lost. */
  lost: number;
  /** It has no answer, and takes effect later. */
  late: number;
  /** It takes seconds. */
  slow: number;
}

/** The news of the store for the checks. */
export interface StoreEvents {
  asked(process: SimulatedProcess, entries: readonly Entry[], isFenced: boolean): void;
  assigned(partition: string, worker: string | null, epoch: number): void;
}

const writes: ReadonlySet<string> = new Set([
  ...["append", "saveRows", "saveMarks", "register", "renew", "fenceOut", "removeWorker"],
  ...["saveAttempt", "removeAttempts", "assign", "compact"],
]);

const unreachable = (what: string) =>
  new LockstepError("database-unreachable", `no answer to ${what}`);

/** The database, and the way to it from each process. */
export class SimulatedDatabase {
  readonly inner: Store;
  readonly weather: Weather = { lost: 0, late: 0, slow: 0 };
  readonly #scheduler: Scheduler;
  readonly #draw: Draw;
  readonly #events: StoreEvents;
  /** When the entries of each partition were appended. */
  readonly #appendedAtMs = new Map<string, number[]>();
  isDown = false;

  constructor(inner: Store, scheduler: Scheduler, draw: Draw, events: StoreEvents) {
    this.inner = inner;
    this.#scheduler = scheduler;
    this.#draw = draw;
    this.#events = events;
    inner.watch({
      onAppended: (hint) => {
        if (hint === null) return;
        const times = this.#appendedAtMs.get(hint.partition) ?? [];
        times.push(scheduler.nowMs());
        this.#appendedAtMs.set(hint.partition, times);
      },
    });
  }

  /** The database as one process sees it. */
  storeOf(process: SimulatedProcess): Store {
    const { inner } = this;
    const own: Partial<Record<keyof Store, (...values: never[]) => unknown>> = {
      append: (...values: Parameters<Store["append"]>) => this.#append(process, values),
      transact: (act: Parameters<Store["transact"]>[0]) => this.#transact(process, act),
      assign: (...values: Parameters<Store["assign"]>) =>
        this.#call(process, "assign", async () => {
          const epoch = await inner.assign(...values);
          if (epoch !== null) this.#events.assigned(values[0].partition, values[1], epoch);
          return epoch;
        }),
      sweep: (...values: Parameters<Store["sweep"]>) =>
        this.#call(process, "sweep", async () => {
          const page = await inner.sweep(...values);
          const mark = page.mark && String(Math.min(Number(page.mark), this.#mark(values[0])));
          return { ...page, mark };
        }),
      mark: (partition: string) =>
        this.#call(process, "mark", async () => String(this.#mark(partition))),
      watch: (listener: WatchListener) => this.#watch(process, listener),
      close: async () => {},
    };
    return new Proxy(inner, {
      get: (_target, name: keyof Store) =>
        own[name] ??
        ((...values: readonly unknown[]) =>
          this.#call(process, name, () =>
            (inner[name] as (...given: readonly unknown[]) => Promise<unknown>).call(
              inner,
              ...values,
            ),
          )),
    });
  }

  /** As on MongoDB, a mark stays behind by the longest time for which an entry may be on its way. */
  #mark(partition: string): number {
    const times = this.#appendedAtMs.get(partition) ?? [];
    const settledMs = this.#scheduler.nowMs() - limits.engineSweepMarginSeconds * 1_000;
    const later = times.findIndex((atMs) => atMs >= settledMs);
    return later < 0 ? times.length : later;
  }

  async #append(process: SimulatedProcess, values: Parameters<Store["append"]>) {
    const [entries, options] = values;
    this.#events.asked(process, entries, options?.fence !== undefined);
    // In a transaction the commit is the write.
    const name = options?.session ? "stage" : "append";
    return this.#call(process, name, () => this.inner.append(...values));
  }

  async #call<Result>(
    process: SimulatedProcess,
    name: string,
    act: () => Promise<Result>,
  ): Promise<Result> {
    await process.goesOn();
    await this.#scheduler.sleep(this.#latencyMs());
    if (this.#isOut(process)) return this.#timeOut(process, name);
    const chance = this.#draw.part();
    const { lost, late, slow } = this.weather;
    // A read may be on its way for long before it reads, beside others of the same process.
    if (!writes.has(name) && this.#draw.chance(4 * slow)) {
      await this.#scheduler.sleep(this.#draw.below(8_000));
      if (this.#isOut(process)) return this.#timeOut(process, name);
    }
    if (writes.has(name) && chance < late) {
      void this.#later(act);
      return this.#timeOut(process, name);
    }
    const result = await act().then(
      (answer) => () => answer,
      (error: unknown) => () => {
        throw error;
      },
    );
    if (this.#draw.chance(slow)) await this.#scheduler.sleep(500 + this.#draw.below(4_000));
    await this.#scheduler.sleep(this.#latencyMs());
    const isLost = writes.has(name) && chance < late + lost;
    if (isLost || this.#isOut(process)) return this.#timeOut(process, name);
    await process.goesOn();
    return result();
  }

  async #later(act: () => Promise<unknown>): Promise<void> {
    await this.#scheduler.sleep(this.#draw.below(8_000));
    while (this.isDown) await this.#scheduler.sleep(500);
    await act().catch(() => {});
  }

  async #timeOut(process: SimulatedProcess, name: string): Promise<never> {
    await this.#scheduler.sleep(200 + this.#draw.below(2_000));
    await process.goesOn();
    throw unreachable(name);
  }

  #isOut(process: SimulatedProcess): boolean {
    return this.isDown || process.isCut;
  }

  #latencyMs(): number {
    return 1 + this.#draw.below(4);
  }

  #watch(process: SimulatedProcess, listener: WatchListener): Watch {
    let isOpen = true;
    const tell = async (hint: Hint | null) => {
      await this.#scheduler.sleep(this.#latencyMs() + this.#draw.below(100));
      await process.goesOn();
      if (isOpen && process.isWatching) listener.onAppended(hint);
    };
    process.onGap(() => isOpen && listener.onAppended(null));
    const watch = this.inner.watch({ ...listener, onAppended: (hint) => void tell(hint) });
    return {
      stop: () => {
        isOpen = false;
        watch.stop();
      },
      hasPassed: (mark) => process.isWatching && watch.hasPassed(mark),
    };
  }

  /** The process acts in the transaction. Its commit is one call. */
  async #transact(
    process: SimulatedProcess,
    act: (session: MemorySession) => Promise<unknown>,
  ): Promise<never> {
    return this.#call(
      process,
      "append",
      (await holdCommit(this.inner, act)) as () => Promise<never>,
    );
  }
}
