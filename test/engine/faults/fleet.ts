import { MongoClient } from "mongodb";
import { onTestFinished } from "vitest";
import { createEngine } from "../../../src/engine/create-engine.ts";
import type { DurableMachine } from "../../../src/engine/definition/durable.ts";
import type { Engine } from "../../../src/engine/engine-api.ts";
import { createMongoEngineStore } from "../../../src/engine/journal/mongo-store.ts";
import type { EngineStore } from "../../../src/engine/journal/store.ts";
import { silentLog } from "../../../src/log.ts";
import { systemClock } from "../../../src/ports/clock.ts";
import { noFaults } from "../../../src/ports/fault-point.ts";
import { freshDatabaseName } from "../../support/database.ts";
import { until } from "../../support/until.ts";
import { type EngineProcess, type ProcessOptions, startEngineProcess } from "./processes.ts";
import { trip } from "./trip.ts";
import { tripsTroubles } from "./trips-troubles.ts";

/** Workers in processes of their own, on one database, and the test that sends to their actors. */
export interface Fleet {
  readonly client: MongoClient;
  readonly databaseName: string;
  readonly engine: Engine;
  readonly store: EngineStore<unknown>;
  process(options?: Partial<ProcessOptions>): Promise<EngineProcess>;
  /** Starts trips, also while the database is away. */
  start(
    count: number,
    input?: { readonly rounds?: number; readonly restMs?: number },
  ): Promise<void>;
  /** Sends each trip an event, also while the database is away. */
  pokeAll(key: string): Promise<void>;
  /** Resolves once all trips are in this state. */
  allIn(state: string): Promise<void>;
  /** Resolves once so many bookings have committed. */
  booked(count: number): Promise<void>;
  /** Resolves once each worker owns this share of the partitions. */
  shared(...shares: readonly number[]): Promise<void>;
  /** Waits for the end of all trips, and returns what is wrong with them. */
  troubles(): Promise<readonly string[]>;
}

/** Asks until there is an answer: the same question counts once. */
async function persistently<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  let last: unknown;
  const answer = await until("an answer of the database", () =>
    ask().then(
      (given) => ({ given }),
      (error: unknown) => {
        last = error;
        return undefined;
      },
    ),
  ).catch((error: unknown) => {
    throw new Error("no answer", { cause: last ?? error });
  });
  return answer.given;
}

/** A fleet on an empty database of a set. */
export async function createFleet(
  url: string,
  machines: readonly DurableMachine[] = [trip],
): Promise<Fleet> {
  const client = await new MongoClient(url, { serverSelectionTimeoutMS: 5_000 }).connect();
  onTestFinished(() => client.close());
  const databaseName = freshDatabaseName();
  const database = client.db(databaseName);
  for (const name of ["effects", "bookings"]) await database.createCollection(name);
  const engine = await createEngine({
    ...{ client, database: databaseName, machines, work: false, log: silentLog },
  });
  onTestFinished(() => engine.close());
  const store = createMongoEngineStore({
    ...{ client, databaseName, clock: systemClock, faultPoints: noFaults },
  }) as EngineStore<unknown>;
  onTestFinished(() => store.close());
  const trips = new Map<string, { rounds: number; keys: string[] }>();
  const tails = async () => (await store.tails([...trips.keys()])).tails;
  return {
    ...{ client, databaseName, engine, store },
    process: (options = {}) => startEngineProcess({ url, database: databaseName, ...options }),
    async start(count, { rounds = 2, restMs = 100 } = {}) {
      const from = trips.size;
      for (let number = from; number < from + count; number += 1) {
        const id = `trip-${number}`;
        trips.set(id, { rounds, keys: [] });
        await persistently(() => engine.start(trip, { id, input: { rounds, restMs } }));
      }
    },
    async pokeAll(key) {
      for (const [id, { keys }] of trips) {
        const { outcome } = await persistently(() =>
          engine.send(trip, id, { type: "POKE" }, { key }),
        );
        if (outcome !== "ignored") keys.push(key);
      }
    },
    async allIn(state) {
      await until(`all trips in ${state}`, async () =>
        (await tails()).every((tail) => tail.state === state),
      );
    },
    async booked(count) {
      const bookings = database.collection("bookings");
      await until(`${count} bookings`, async () => (await bookings.countDocuments()) >= count);
    },
    async shared(...shares) {
      await until(`the shares ${shares.join()}`, async () => {
        const partitions = await store.partitions();
        const workers = await store.workers();
        const found = workers.map(
          ({ worker }) => partitions.filter((partition) => partition.worker === worker).length,
        );
        return found.toSorted().join() === shares.toSorted().join();
      });
    },
    async troubles() {
      const hasEnded = async () =>
        (await tails().catch(() => [])).filter(
          ({ status, work }) => status !== "active" && work.length === 0,
        ).length === trips.size;
      // Those that have not ended by then are a trouble.
      await until("the end of all trips", hasEnded, 90_000).catch(() => {});
      const asked = [...trips].map(([id, each]) => ({ id, ...each }));
      return tripsTroubles({ store, engine, database }, asked);
    },
  };
}
