import type { Command } from "commander";
import { limits } from "../../limits.ts";
import { createLog } from "../../log.ts";
import { databaseNameOf } from "../../mongo/database-of-url.ts";
import type { ActorsClient } from "../../operator/actors/actors-client.ts";
import { type ShownEngine, withActors } from "../../operator/actors/with-actors.ts";
import type { FleetClient } from "../../operator/fleet-client.ts";
import { systemClock } from "../../ports/clock.ts";
import { readSecretFile } from "../../ports/secret-file.ts";
import { exitCodes } from "../exit-codes.ts";
import { parsePort } from "../input/port.ts";
import { jsonLine } from "../output/json-line.ts";
import { fleetOptions, type Settle, type SharedOptions, type Terminal, withFleet } from "../run.ts";

interface ServeOptions extends SharedOptions, ShownEngine {
  readonly host: string;
  readonly port: string;
  readonly allowHost?: readonly string[];
  readonly tokenFile?: string;
}

/** Registers `lockstep serve`. */
export function addServeCommand(command: Command, terminal: Terminal, settle: Settle): void {
  command
    .description("serve a page that shows the fleet, until Ctrl-C")
    .option("--host <address>", "the address to listen on", "127.0.0.1")
    .option(
      "--port <number>",
      "the port to listen on; 0 takes a free one",
      String(limits.dashboardPort),
    )
    .option("--allow-host <name...>", "a name under which a proxy serves the page")
    .option(
      "--engine-database <name>",
      "show the actors of the engine in this database (default with --module: the fleet's own), and count them in the metrics (default: the fleet's own)",
    )
    .option(
      "--token-file <path>",
      "a file with the token that gives the right to act (default: LOCKSTEP_DASHBOARD_TOKEN of the environment; without one the page is read-only)",
    )
    .option(
      "--module <path>",
      "a module that exports the engine's durable machines, for their diagrams and to send events",
    )
    .action((options: ServeOptions) => settle(serve(options, terminal)));
}

/** The token, from its file or from the environment. Every user of a host sees the arguments of a process. */
async function readToken({ tokenFile }: ServeOptions): Promise<string | undefined> {
  if (tokenFile !== undefined) return readSecretFile(tokenFile, "the dashboard's token");
  return process.env["LOCKSTEP_DASHBOARD_TOKEN"]?.trim();
}

/** `lockstep serve`: serves the dashboard until it is interrupted. */
async function serve(options: ServeOptions, terminal: Terminal): Promise<number> {
  const { host, fleet: name, allowHost = [] } = options;
  terminal.explainInterruption("the page ends");
  const port = parsePort(options.port);
  const token = await readToken(options);
  const databaseName = databaseNameOf(options.mongoUrl);
  const { startDashboard } = await import("../../dashboard/serve.ts");
  const serving = async (fleet: FleetClient, actors: ActorsClient | null) => {
    const dashboard = await startDashboard({
      ...{ fleet, databaseName, name: name ?? databaseName, host, port, allowedHosts: allowHost },
      log: createLog({ level: "warn", destination: process.stderr }),
      ...(token === undefined ? {} : { token }),
      ...(actors === null ? {} : { actors }),
    });
    try {
      const mayAct = token !== undefined && token !== "";
      const rights = mayAct ? "with the token, the page may act" : "the page is read-only";
      terminal.out(
        options.json
          ? jsonLine({ type: "serving", url: dashboard.url, mayAct })
          : `the dashboard is at ${dashboard.url} (${rights}); Ctrl-C ends it`,
      );
      await systemClock.sleep(Number.POSITIVE_INFINITY, terminal.signal);
      return exitCodes.done;
    } finally {
      await dashboard.close();
    }
  };
  return withActors(options, fleetOptions(options, terminal), "--module", (actors) =>
    withFleet(options, terminal, (fleet) => serving(fleet, actors)),
  );
}
