import { fileURLToPath } from "node:url";
import type { MongoClient } from "mongodb";
import { loadData } from "../demo/data.ts";
import { createServer, type Server } from "../demo/fleet.ts";
import { createFleetClient, type FleetClient } from "../src/index.ts";
import { startGuard } from "../src/local/guard.ts";
import { systemClock } from "../src/ports/clock.ts";
import type { Run } from "./figures.ts";
import { fillCollection, type Material, withMaterial } from "./material.ts";

const database = "bench";
const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const pollMs = 20;
const waitMs = 30 * 60_000;

async function until<Found>(probe: () => Promise<Found | null>): Promise<Found> {
  const startMs = systemClock.monotonicMs();
  for (;;) {
    const found = await probe().catch(() => null);
    if (found !== null) return found;
    if (systemClock.monotonicMs() - startMs > waitMs) throw new Error("the fleet is too slow");
    await systemClock.sleep(pollMs);
  }
}

const served = (fleet: FleetClient, version: string) =>
  until(async () => {
    const { agents } = await fleet.status();
    const isServing = agents.every((agent) => agent.gate === "open" && agent.version === version);
    return agents.length === 3 && isServing ? systemClock.monotonicMs() : null;
  });

/** Seconds in each state of an upgrade, and from its end until every gate is open, and of the whole. */
async function upgrade(fleet: FleetClient, to: string): Promise<Readonly<Record<string, number>>> {
  const startMs = systemClock.monotonicMs();
  await fleet.upgrade(to);
  const seconds = ((await served(fleet, to)) - startMs) / 1_000;
  const last = (await fleet.history()).at(-1);
  if (last?.state !== "done") throw new Error(JSON.stringify(last));
  const { states, endedAt, startedAt } = last;
  const parts = states.slice(0, -1).map(({ state, at }, index) => {
    return [state, ((states[index + 1]?.at ?? at) - at) / 1_000] as const;
  });
  const opening = seconds - ((endedAt ?? startedAt) - startedAt) / 1_000;
  return { ...Object.fromEntries(parts), opening, all: seconds };
}

async function withFleet<Result>(
  { set, folder }: Material,
  collection: string,
  act: (fleet: FleetClient) => Promise<Result>,
): Promise<Result> {
  const guard = startGuard(folder);
  const fleet = await createFleetClient({ mongoUrl: set.url(database) });
  const servers: Server[] = [];
  try {
    await fleet.init("1.0.0");
    for (const name of ["a1", "a2", "a3"]) {
      const server = await createServer({
        ...{ name, root: folder, guard, versions: ["1.0.0", "1.1.0", "1.2.0"] },
        launcher: here("../src/launcher/main.js"),
        main: here("./downtime-application.js"),
        environment: () => ({
          ...{ BENCH_MONGO_URL: set.url(database), BENCH_AGENT: name },
          BENCH_COLLECTION: collection,
        }),
      });
      servers.push(server);
      await server.start();
    }
    await served(fleet, "1.0.0");
    return await act(fleet);
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
    await fleet.close();
    await guard.release();
  }
}

/** Seconds of an upgrade by a step on one collection, against one whose rehearsal loads the whole copy. */
function downtime(collection: string, fill: (client: MongoClient) => Promise<unknown>) {
  return (): Promise<Run> =>
    withMaterial(async (material) => {
      await fill(material.client);
      return withFleet(material, collection, async (fleet) => {
        const parts = await upgrade(fleet, "1.1.0");
        const partsAgainst = await upgrade(fleet, "1.2.0");
        const [value, against] = [parts["all"] ?? 0, partsAgainst["all"] ?? 0];
        return { value, against, parts, partsAgainst };
      });
    });
}

export const downtime21 = downtime("flights", (client) => loadData(client, database));

export const downtime200 = downtime("things", (client) => fillCollection(client, database, 200));

export const downtime5Of200 = downtime("few", async (client) => {
  await fillCollection(client, database, 195);
  await fillCollection(client, database, 5, "few");
});
