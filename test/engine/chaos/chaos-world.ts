import { MongoClient } from "mongodb";
import { createEngine } from "../../../src/engine/create-engine.ts";
import type { Engine } from "../../../src/engine/engine-api.ts";
import { createMongoEngineStore } from "../../../src/engine/journal/mongo-store.ts";
import type { EngineStore } from "../../../src/engine/journal/store.ts";
import type { ReplicaSet } from "../../../src/local/replica-set.ts";
import { silentLog } from "../../../src/log.ts";
import { systemClock } from "../../../src/ports/clock.ts";
import { noFaults } from "../../../src/ports/fault-point.ts";
import type { Network } from "../../chaos/network.ts";
import { type EngineProcess, startEngineProcess } from "../faults/processes.ts";
import { tripOf } from "../faults/trip.ts";

export type Version = "1.0.0" | "2.0.0";

/** A worker, and its name in the network. */
export interface NamedWorker {
  readonly name: string;
  readonly version: Version;
  readonly process: EngineProcess;
}

/** A process's way to the actors: its own connections, and its own memory of them. */
export interface Sender {
  readonly client: MongoClient;
  readonly engine: Engine;
}

/** One engine on a database of its own, behind a network. */
export interface ChaosWorld {
  readonly set: ReplicaSet;
  readonly network: Network;
  readonly databaseName: string;
  readonly store: EngineStore<unknown>;
  readonly workers: NamedWorker[];
  /** A new worker. It is one of `workers` from its start on. */
  join(version: Version): Promise<NamedWorker>;
  /** Takes a worker out of `workers`. Its process is as it was. */
  leave(worker: NamedWorker): void;
  sender(versions: readonly Version[]): Promise<Sender>;
  close(): Promise<void>;
}

export async function createChaosWorld(
  set: ReplicaSet,
  network: Network,
  databaseName: string,
): Promise<ChaosWorld> {
  const ends: (() => Promise<unknown>)[] = [];
  const workers: NamedWorker[] = [];
  let started = 0;
  const connect = async () => {
    const client = new MongoClient(set.url(), { serverSelectionTimeoutMS: 5_000 });
    ends.push(() => client.close());
    return client.connect();
  };
  const client = await connect();
  for (const name of ["effects", "bookings", "ledger"]) {
    await client.db(databaseName).createCollection(name);
  }
  const store = createMongoEngineStore({
    ...{ client, databaseName, clock: systemClock, faultPoints: noFaults },
  }) as EngineStore<unknown>;
  ends.push(() => store.close());
  return {
    ...{ set, network, databaseName, store, workers },
    async join(version) {
      started += 1;
      const name = `worker-${started}`;
      let pid = 0;
      network.know(name, () => pid);
      const process = await startEngineProcess({
        ...{ url: set.url(), database: databaseName, version },
        cleanUp: (end) => void ends.push(end),
        onStarted(id) {
          pid = id;
        },
      });
      const worker = { name, version, process };
      workers.push(worker);
      return worker;
    },
    leave(worker) {
      workers.splice(workers.indexOf(worker), 1);
    },
    async sender(versions) {
      const own = await connect();
      const machines = versions.map((version) => tripOf(version));
      const engine = await createEngine({
        ...{ client: own, database: databaseName, machines, work: false, log: silentLog },
      });
      ends.push(() => engine.close());
      return { client: own, engine };
    },
    async close() {
      for (const end of ends.toReversed()) await end().catch(() => {});
    },
  };
}
