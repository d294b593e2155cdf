import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { MongoClient } from "mongodb";
import { createServer, type Server } from "../../demo/fleet.ts";
import { createFleetClient, type FleetClient, type FleetStatus } from "../../src/index.ts";
import { startGuard } from "../../src/local/guard.ts";
import type { Place } from "../../src/local/mongod-process.ts";
import {
  type ReplicaSet,
  type ReplicaSetOptions,
  startReplicaSet,
} from "../../src/local/replica-set.ts";
import type { Network } from "../chaos/network.ts";
import { until } from "./until.ts";

export const itemsCount = 2_500;

/** A look at a fleet costs a dozen queries, which the fleet's own work waits for where cores are few. */
const lookIntervalMs = 200;

/** A fleet of real processes on a set of its own, that a test can hold, kill and pause. */
export interface TestFleet {
  readonly set: ReplicaSet;
  readonly fleet: FleetClient;
  /** As the test itself: on a secure set, as root. */
  readonly client: MongoClient;
  /** The URL that agents and commands get. */
  readonly mongoUrl: string;
  readonly servers: readonly Server[];
  /** A file of a write's name in this folder stops whoever comes to that write. */
  readonly holds: string;
  /** Where an agent keeps its data. */
  directoryOf(agent: string): string;
  /** The file with the items in an agent's copy for an upgrade. */
  copyPath(agent: string, upgradeId: string): string;
  /** Stops whoever comes to the durable write of this name, until released. */
  hold(name: string): Promise<void>;
  release(name: string): Promise<void>;
  /** Resolves when somebody waits there. */
  reached(name: string): Promise<void>;
  until<Found>(
    what: string,
    probe: (status: FleetStatus) => Promise<Found> | Found,
    timeoutMs?: number,
  ): Promise<Found>;
  /** The upgrade has ended so, and every agent serves the version. */
  ended(upgradeId: string, state: string, version: string): Promise<void>;
  /** The upgrade was turned back with this code. */
  turnedBack(upgradeId: string, code: string, version: string): Promise<void>;
  pidOf(agent: string): Promise<number>;
  /** How often each item was touched by the step of 1.N.0: `[1]` when once and everywhere. */
  touched(number: number): Promise<readonly unknown[]>;
  digest(): Promise<unknown>;
  stop(): Promise<void>;
}

const versions = Array.from({ length: 30 }, (_, number) =>
  Array.from({ length: 14 }, (_, patch) => `1.${number}.${patch}`),
).flat();

export interface TestFleetOptions {
  /** The set of another fleet, which ends it; default: one of its own. */
  readonly set?: ReplicaSet;
  /** The application's database; default: `things`. */
  readonly database?: string;
  readonly secure?: ReplicaSetOptions["secure"];
  /** Makes the user that agents and commands log in as, on a secure set; default: root. */
  readonly createUser?: (root: MongoClient) => Promise<{ username: string; password: string }>;
  readonly preventForeignWrites?: boolean;
  /** 1.1.0 has a step that uses every operation of schema steps. */
  readonly wide?: boolean;
  /** The application writes orders while its gate is open. */
  readonly writes?: boolean;
  /** How long the application may drain; default: as long as the product lets it. */
  readonly drainTimeoutMs?: number;
  /** The URL of the member from which the agent of this number (from 1) reads its copy; default: none. */
  readonly memberUrl?: (set: ReplicaSet, number: number) => string | undefined;
  /** The proxies between agents and members, where there are any. */
  readonly network?: Network;
  /** Where agent and member of this number (from 1) run; default: on the loopback. */
  readonly place?: (number: number) => Place;
}

export async function startFleet(
  options: TestFleetOptions & { readonly mongodPath: string },
): Promise<TestFleet> {
  const { network, database = "things" } = options;
  const root = await mkdtemp(join(tmpdir(), "lockstep-test-"));
  const holds = join(root, "holds");
  await mkdir(holds);
  const guard = startGuard(root);
  const own = options.set
    ? null
    : await startReplicaSet({
        mongodPath: options.mongodPath,
        ...(network ? { front: network.front } : {}),
        ...(options.place ? { place: options.place } : {}),
        ...(options.secure ? { secure: options.secure } : {}),
      });
  const set = options.set ?? (own as ReplicaSet);
  const client = new MongoClient(set.url(database));
  const servers: Server[] = [];
  const stop = async () => {
    // The application may still write there.
    await rm(holds, { recursive: true, force: true, maxRetries: 10 });
    await Promise.all(servers.map((server) => server.stop()));
    await client.close();
    await fleet?.close();
    await own?.stop();
    await network?.close();
    await guard.release();
    await rm(root, { recursive: true, force: true });
  };
  let fleet: FleetClient | undefined;
  let mongoUrl = set.url(database);
  try {
    if (options.createUser) {
      const { username, password } = await options.createUser(client);
      mongoUrl = mongoUrl.replace(
        /\/\/[^@]*@/,
        `//${encodeURIComponent(username)}:${encodeURIComponent(password)}@`,
      );
    }
    const items = Array.from({ length: itemsCount }, (_, index) => ({
      _id: index as never,
      index,
    }));
    await client.db().collection("items").insertMany(items);
    // There from the start: what is new after a roll-back is a finding.
    if (options.writes) await client.db().createCollection("orders");
    fleet = await createFleetClient({ mongoUrl });
    await fleet.init("1.0.0");
    for (const number of [1, 2, 3]) {
      const name = `a${number}`;
      const server = await createServer({
        name,
        root,
        launcher: resolve("dist/src/launcher/main.js"),
        main: resolve("dist/test/fixtures/application.js"),
        versions,
        environment: () => ({
          TEST_MONGO_URL: mongoUrl,
          TEST_AGENT: name,
          TEST_HOLDS: holds,
          TEST_MEMBER_URL: options.memberUrl?.(set, number) ?? "",
          ...(options.drainTimeoutMs ? { TEST_DRAIN_MS: String(options.drainTimeoutMs) } : {}),
          TEST_PREVENT: options.preventForeignWrites ? "yes" : "no",
          TEST_WIDE: options.wide ? "yes" : "no",
          TEST_WRITES: options.writes ? "yes" : "no",
        }),
        enter: options.place?.(number).enter ?? [],
        guard,
      });
      servers.push(server);
      network?.know(name, () => server.pid);
      await server.start();
    }
    await until("everybody serving", async () => {
      const { agents } = await (fleet as FleetClient).status();
      return agents.length === 3 && agents.every(({ gate }) => gate === "open");
    });
  } catch (error) {
    await stop();
    throw error;
  }
  const connected = fleet;
  let checked = "";
  const test: TestFleet = {
    set,
    fleet: connected,
    client,
    mongoUrl,
    servers,
    holds,
    stop,
    directoryOf: (agent) => join(root, agent),
    copyPath: (agent, upgradeId) => join(root, agent, "backups", upgradeId, database, "items.bson"),
    async hold(name) {
      // Held for one agent alone it is reached by its plain name.
      const plain = name.replace(/\.a\d$/, "");
      for (const server of servers) {
        await rm(join(holds, `reached.${plain}.${server.name}`), { force: true });
      }
      await writeFile(join(holds, name), "");
    },
    release: (name) => rm(join(holds, name), { force: true }),
    async reached(name) {
      await test.until(`somebody at ${name}`, async () => {
        for (const server of servers) {
          const path = join(holds, `reached.${name}.${server.name}`);
          if ((await readFile(path).catch(() => null)) !== null) {
            await rm(path, { force: true });
            return true;
          }
        }
        return false;
      });
    },
    async until(what, probe, timeoutMs = 120_000) {
      try {
        const found = await until(
          what,
          async () => {
            const status = await connected.status();
            const moment = `${status.upgrade?.upgradeId}/${status.upgrade?.state}/${status.master?.epoch}`;
            if (moment !== checked) {
              checked = moment;
              const broken = await connected.check();
              if (broken.length > 0) throw new Error(`invariants broken: ${broken.join("; ")}`);
            }
            const result = await probe(status);
            return result ? { result } : null;
          },
          timeoutMs,
          lookIntervalMs,
        );
        return found.result;
      } catch (error) {
        const logs = await Promise.all(servers.map((server) => server.lastLines(15)));
        const status = await connected.status().catch(() => null);
        throw new Error(`${String(error)}\n${JSON.stringify(status)}\n${logs.join("\n\n")}`);
      }
    },
    async ended(upgradeId, state, version) {
      await test.until(`${upgradeId} ${state} on ${version}`, (status) => {
        const { upgrade: current, agents } = status;
        if (current?.upgradeId === upgradeId && current.final && current.state !== state) {
          throw new Error(`ended ${current.state}: ${JSON.stringify(current.reason)}`);
        }
        return (
          current?.upgradeId === upgradeId &&
          current.state === state &&
          agents.every((agent) => agent.version === version && agent.gate === "open")
        );
      });
      const broken = await connected.check();
      if (broken.length > 0) throw new Error(`invariants broken: ${broken.join("; ")}`);
    },
    async turnedBack(upgradeId, code, version) {
      await test.ended(upgradeId, "rolled-back", version);
      const { upgrade: last } = await connected.status();
      if (last?.reason?.code !== code) {
        throw new Error(`expected reason ${code}, got ${JSON.stringify(last?.reason)}`);
      }
    },
    async pidOf(agent) {
      const status = await connected.status();
      return status.agents.find((candidate) => candidate.agent === agent)?.pid ?? 0;
    },
    async touched(number) {
      return client.db().collection("items").distinct(`touched${number}`);
    },
    async digest() {
      return (await client.db().command({ dbHash: 1 }))["collections"];
    },
  };
  return test;
}
