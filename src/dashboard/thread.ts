import { parentPort, workerData } from "node:worker_threads";
import { isLockstepError, messageOf } from "../errors.ts";
import { type Log, silentLog } from "../log.ts";
import type { ActorsClient } from "../operator/actors/actors-client.ts";
import { withActors } from "../operator/actors/with-actors.ts";
import { createFleetClient } from "../operator/fleet-client.ts";
import type { FromThread, ThreadData } from "./in-thread.ts";
import { startDashboard } from "./serve.ts";

/** The thread that serves the page of a fleet beside an agent. It ends when it is asked to, or at the first trouble. */
const {
  mongoUrl,
  fleet: name,
  databaseName,
  engineDatabase,
  module,
  ...options
} = workerData as ThreadData;

const say = (message: FromThread) => parentPort?.postMessage(message);

/** The agent's log is in another thread. */
const log: Log = {
  ...silentLog,
  warn: (fields, message) => say({ kind: "log", fields: { ...fields }, message }),
  error: (fields, message) => say({ kind: "log", fields: { ...fields }, message }),
  child: () => log,
};

/** Serves the page until the agent asks it to end. */
async function serve(actors: ActorsClient | null): Promise<void> {
  const fleet = await createFleetClient({
    mongoUrl,
    ...(engineDatabase === undefined ? {} : { engineDatabase }),
    ...(name === undefined ? {} : { fleet: name }),
  });
  try {
    const dashboard = await startDashboard({
      ...options,
      ...{ fleet, databaseName, name: name ?? databaseName, log },
      ...(actors === null ? {} : { actors }),
    });
    say({ kind: "serving", url: dashboard.url });
    await new Promise((resolve) => parentPort?.once("message", resolve));
    await dashboard.close();
  } finally {
    await fleet.close();
  }
}

const { signal } = new AbortController();
try {
  await withActors({ engineDatabase, module }, { mongoUrl, signal }, "dashboard.module", serve);
} catch (error) {
  const code = isLockstepError(error) ? error.code : "unexpected";
  say({ kind: "trouble", code, message: messageOf(error) });
} finally {
  parentPort?.close();
}
