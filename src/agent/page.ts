import {
  serveInThread,
  type ThreadData,
  type ThreadedDashboard,
  type ThreadPorts,
} from "../dashboard/in-thread.ts";
import { limits } from "../limits.ts";

/** The page of the fleet, as an agent serves it. */
export interface AgentDashboard {
  /** The address to listen on. Default: 127.0.0.1, which only this host reaches. */
  readonly host?: string;
  /** The port to listen on; 0 takes a free one. Default: 4680. */
  readonly port?: number;
  /** Names under which a proxy serves the page. Default: none. */
  readonly allowedHosts?: readonly string[];
  /** Gives the right to act to a person who enters it. Default: the page is read-only. */
  readonly token?: string;
  /**
   * The database of the engine whose actors the page shows, and which its metrics count. Default: the metrics count the
   * engine of the application's database, and no actors are shown, unless `module` is given.
   */
  readonly engineDatabase?: string;
  /** The path of a module that exports the engine's durable machines. The page's thread imports it. Default: none. */
  readonly module?: string;
}

interface PageOptions {
  readonly agent: string;
  readonly fleet?: string;
  readonly dashboard?: AgentDashboard;
}

/** The page of an agent, from a start of the agent to its stop, where it is asked for. */
export function createPage(
  { dashboard, fleet, agent }: PageOptions,
  place: Pick<ThreadData, "mongoUrl" | "databaseName">,
  { log, ...ports }: ThreadPorts,
) {
  const named = fleet === undefined ? {} : { fleet };
  // A port that is there and undefined, as of a missing setting, is the usual one, and not any free one.
  const port = dashboard?.port ?? limits.dashboardPort;
  const data = { ...dashboard, port, ...place, ...named };
  let served: ThreadedDashboard | undefined;
  return {
    get url() {
      return served?.url ?? null;
    },
    start() {
      if (dashboard) served = serveInThread(data, { ...ports, log: log.child({ agent }) });
    },
    async stop() {
      await served?.stop();
    },
  };
}
