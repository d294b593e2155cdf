import { once } from "node:events";
import { type AddressInfo, isIP } from "node:net";
import { fileURLToPath } from "node:url";
import { createAdaptorServer } from "@hono/node-server";
import { LockstepError, messageOf } from "../errors.ts";
import { limits } from "../limits.ts";
import { type Log, silentLog } from "../log.ts";
import type { ActorsClient } from "../operator/actors/actors-client.ts";
import type { FleetClient } from "../operator/fleet-client.ts";
import { type Clock, systemClock } from "../ports/clock.ts";
import { type Random, systemRandom } from "../ports/random.ts";
import { createApplication } from "./application.ts";
import { createFeed } from "./feed.ts";
import { allowedHost } from "./http/guards.ts";
import { createMetrics } from "./metrics/metrics.ts";
import { readPage } from "./page-files.ts";

export interface DashboardOptions {
  readonly fleet: FleetClient;
  /** The application's database, which a person types as confirmation. */
  readonly databaseName: string;
  /** The actors of the public engine. Default: none are shown. */
  readonly actors?: ActorsClient;
  /** The fleet's name, as the page shows it. */
  readonly name: string;
  /** The address to listen on. Default: 127.0.0.1. */
  readonly host?: string;
  /** Default: any free port. */
  readonly port?: number;
  /** Names under which a proxy serves the page. */
  readonly allowedHosts?: readonly string[];
  /** Gives the right to act. Default: nobody may. */
  readonly token?: string;
  readonly log?: Log;
  readonly clock?: Clock;
  readonly random?: Random;
  /** The built page. */
  readonly pageDirectory?: string;
}

/** A dashboard that listens. */
export interface Dashboard {
  readonly url: string;
  close(): Promise<void>;
}

/** A token that can be guessed is none. */
function checkedToken(token: string | undefined): string | null {
  if (token === undefined || token === "") return null;
  if (token.length >= limits.dashboardTokenLengthMin && /^[\x21-\x7e]+$/.test(token)) return token;
  throw new LockstepError(
    "bad-argument",
    `expected a token of at least ${limits.dashboardTokenLengthMin} characters without a space, found another one: make one with \`openssl rand -hex 16\``,
  );
}

/**
 * Serves the dashboard of a fleet. The caller closes it, and then the client.
 * @throws LockstepError `bad-argument`, `file-trouble`
 */
export async function startDashboard(options: DashboardOptions): Promise<Dashboard> {
  const { fleet, name, clock = systemClock, random = systemRandom } = options;
  const { host = "127.0.0.1", port = 0, log = silentLog } = options;
  const token = checkedToken(options.token);
  const allowedHosts = (options.allowedHosts ?? []).map(allowedHost);
  const directory = options.pageDirectory ?? fileURLToPath(new URL("./page/", import.meta.url));
  const page = await readPage(directory);
  const { databaseName, actors = null } = options;
  const of = { name, database: databaseName, engine: actors?.database ?? null };
  const feed = createFeed({ fleet, of, clock, instance: random.hex(8) });
  const metrics = createMetrics({ fleet, clock, log });
  const application = createApplication({
    ...{ fleet, feed, metrics, page, actors, databaseName, token, allowedHosts, clock, log },
  });
  const server = createAdaptorServer({ fetch: application.fetch });
  try {
    server.listen(port, host);
    await once(server, "listening");
  } catch (error) {
    await feed.close();
    throw new LockstepError(
      "bad-argument",
      `expected to listen on ${host}:${port}, found that it cannot be: ${messageOf(error)}: name another --host or --port`,
    );
  }
  const { address, port: bound } = server.address() as AddressInfo;
  return {
    url: `http://${isIP(address) === 6 ? `[${address}]` : address}:${bound}/`,
    async close() {
      await feed.close();
      const closed = once(server, "close");
      server.close();
      if ("closeAllConnections" in server) server.closeAllConnections();
      await closed;
    },
  };
}
