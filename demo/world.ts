import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { MongoClient } from "mongodb";
import { startDashboard } from "../src/dashboard/serve.ts";
import { createFleetClient, type FleetClient, type FleetStatus } from "../src/index.ts";
import { findMongod } from "../src/local/find-mongod.ts";
import { startGuard } from "../src/local/guard.ts";
import { type ReplicaSet, startReplicaSet } from "../src/local/replica-set.ts";
import { systemClock } from "../src/ports/clock.ts";
import { catalogueVersions } from "./catalogue/steps.ts";
import { loadData } from "./data.ts";
import { createServer, type Server } from "./fleet.ts";
import { createNarrator, type Narrator } from "./narrator.ts";
import { createPatience } from "./patience.ts";

export const database = "catalogue";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** All that the story needs: a real set with real data, and a fleet of real processes. */
export interface DemoWorld {
  readonly set: ReplicaSet;
  readonly client: MongoClient;
  readonly fleet: FleetClient;
  /** The address of the dashboard. */
  readonly dashboardUrl: string;
  readonly servers: readonly Server[];
  readonly narrator: Narrator;
  /** Waits for what the probe finds, telling what changes meanwhile, as long as anything does. */
  until<Found>(
    what: string,
    probe: (status: FleetStatus) => Promise<Found> | Found,
  ): Promise<Exclude<Found, false | null | undefined>>;
  /** The server's own hash of each collection. */
  digest(): Promise<Record<string, string>>;
  end(): Promise<void>;
}

/** Starts everything; ends everything when any part of it fails. */
export async function startWorld(): Promise<DemoWorld> {
  const narrator = createNarrator(() => systemClock.monotonicMs());
  narrator.chapter("A replica set, real data, three state servers");
  const mongod = await findMongod({ environment: process.env, say: narrator.say });
  const root = await mkdtemp(join(tmpdir(), "lockstep-demo-"));
  const guard = startGuard(root);
  const ends: (() => Promise<void>)[] = [
    () => rm(root, { recursive: true, force: true }),
    () => guard.release(),
  ];
  let ending: Promise<void> | undefined;
  const end = () => {
    ending ??= (async () => {
      for (const act of ends.toReversed()) await act().catch(() => {});
    })();
    return ending;
  };
  try {
    const set = await startReplicaSet({ mongodPath: mongod.path });
    ends.push(() => set.stop());
    narrator.good(`three mongods on ${set.members.map(({ host }) => host).join(", ")}`);
    const client = new MongoClient(set.url(database), { readPreference: "primary" });
    ends.push(() => client.close());
    const documents = await loadData(client, database);
    narrator.good(`${documents} documents loaded`);
    const fleet = await createFleetClient({ mongoUrl: set.url(database) });
    ends.push(() => fleet.close());
    await fleet.init("1.0.0");
    const dashboard = await startDashboard({ fleet, name: database, databaseName: database });
    ends.push(() => dashboard.close());
    const servers: Server[] = [];
    for (const [index, member] of set.members.entries()) {
      const name = `a${index + 1}`;
      const server = await createServer({
        name,
        root,
        launcher: here("../src/launcher/main.js"),
        main: here("./catalogue/main.js"),
        versions: catalogueVersions,
        environment: (port) => ({
          CATALOGUE_MONGO_URL: set.url(database),
          CATALOGUE_MEMBER_URL: member.directUrl,
          CATALOGUE_AGENT: name,
          CATALOGUE_PORT: String(port),
          ...(name === "a3" ? { CATALOGUE_BROKEN: "1.2.1" } : { CATALOGUE_KEY: "for posters" }),
        }),
        readyTimeoutsMs: { "1.2.1": 8_000 },
        guard,
      });
      await server.start();
      servers.push(server);
      ends.push(() => server.stop());
    }
    const world: DemoWorld = {
      ...{ set, client },
      ...{ fleet, narrator, end },
      dashboardUrl: dashboard.url,
      servers,
      async until(what, probe) {
        const patience = createPatience(() => systemClock.monotonicMs());
        for (;;) {
          // While there is no primary, there is nothing to see.
          const status = await fleet.status().catch(() => null);
          if (status) narrator.see(status);
          const found = status && (await probe(status));
          if (found) return found as Exclude<typeof found, false | null | undefined>;
          patience.see(status);
          patience.requireProgress(what);
          await systemClock.sleep(50);
        }
      },
      async digest() {
        const { collections } = await client.db(database).command({ dbHash: 1 });
        return collections as Record<string, string>;
      },
    };
    return world;
  } catch (error) {
    await end();
    throw error;
  }
}
