import type { MongoClient } from "mongodb";
import { ActorCounts } from "../../engine/journal/mongo/actor-counts.ts";
import { createMongoEngineStore } from "../../engine/journal/mongo-store.ts";
import type { EngineStore } from "../../engine/journal/store.ts";
import { isAway, messageOf } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { hasCode, serverErrors } from "../../mongo/server-errors.ts";
import type { Clock } from "../../ports/clock.ts";
import { noFaults } from "../../ports/fault-point.ts";
import { hasEngine } from "../actors/open-engine.ts";
import {
  type CountedMachine,
  type CountTry,
  type EngineFigures,
  isCountDue,
  machineFigures,
  machinesOf,
} from "./engine-figures.ts";

/** The figures of an engine, or why its records cannot be read. */
export type EngineAnswer = EngineFigures | { readonly trouble: string };

/**
 * Reads the figures of the engine in a database, where there is one. A reading costs the records of workers and partitions, and
 * one look at an index for each machine. The actors are counted seldom: see `isCountDue`.
 */
export class EngineReader {
  readonly #client: MongoClient;
  readonly #database: string;
  readonly #clock: Clock;
  readonly #counts: ActorCounts;
  readonly #store: Pick<EngineStore, "workers" | "partitions" | "nowMs" | "close">;
  #isThere = false;
  #lastTry: CountTry | null = null;
  #counted: { readonly machines: readonly CountedMachine[]; readonly atMs: number } | null = null;

  constructor(client: MongoClient, database: string, clock: Clock) {
    this.#client = client;
    this.#database = database;
    this.#clock = clock;
    this.#counts = new ActorCounts(client, database);
    this.#store = createMongoEngineStore({
      ...{ client, databaseName: database, clock, faultPoints: noFaults },
    });
  }

  /** Null: the database has no engine. @throws LockstepError `database-unreachable` */
  async read(): Promise<EngineAnswer | null> {
    try {
      this.#isThere ||= await hasEngine(this.#client, this.#database);
      return this.#isThere ? await this.#figures() : null;
    } catch (error) {
      if (isAway(error)) throw error;
      return { trouble: messageOf(error) };
    }
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  async #figures(): Promise<EngineFigures> {
    const nowMs = await this.#store.nowMs();
    const workers = await this.#store.workers();
    const { all, machines } = machinesOf(await this.#store.partitions());
    const named = machines.map(({ machine, partitions }) => ({
      ...{ machine, partitions: partitions.map(({ partition }) => partition) },
    }));
    if (isCountDue(this.#lastTry, this.#clock.monotonicMs())) await this.#count(named, nowMs);
    const figures = await Promise.all(
      machines.map(async ({ machine, partitions }, index) => {
        const dueMs = await this.#counts.earliestTimerMs(named[index]?.partitions ?? [], nowMs);
        return machineFigures(machine, partitions, workers, dueMs === null ? 0 : nowMs - dueMs);
      }),
    );
    const expired = workers.filter(({ isExpired }) => isExpired).length;
    return {
      ...{ machines: figures, machinesAll: all },
      workers: { alive: workers.length - expired, expired },
      entries: await this.#counts.entries(),
      counted: this.#countedNow(),
    };
  }

  #countedNow(): EngineFigures["counted"] {
    if (this.#counted === null) return null;
    const { machines, atMs } = this.#counted;
    return { ageMs: this.#clock.monotonicMs() - atMs, machines };
  }

  /** A count that takes too long is given up, and leaves no count. */
  async #count(machines: Parameters<ActorCounts["of"]>[0][], nowMs: number): Promise<void> {
    const atMs = this.#clock.monotonicMs();
    const endMs = atMs + limits.engineCountMaxMs;
    this.#counted = null;
    const counted: CountedMachine[] = [];
    try {
      for (const each of machines) {
        const leftMs = Math.ceil(endMs - this.#clock.monotonicMs());
        if (leftMs <= 0) return;
        const { workSinceMs, ...found } = await this.#counts.of(each, leftMs);
        const workAgeMs = workSinceMs === null ? 0 : Math.max(0, nowMs - workSinceMs);
        counted.push({ ...found, workAgeMs });
      }
      this.#counted = { machines: counted, atMs: this.#clock.monotonicMs() };
    } catch (error) {
      if (!hasCode(error, serverErrors.maxTimeExpired)) throw error;
    } finally {
      this.#lastTry = { atMs, tookMs: this.#clock.monotonicMs() - atMs };
    }
  }
}
