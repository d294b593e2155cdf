import type { FleetPlan } from "../../src/index.ts";

/** A plan of a fleet with one agent and one step, with other facts where they are given. */
export function fleetPlan(facts: Partial<FleetPlan> = {}): FleetPlan {
  return {
    ...{ databaseName: "films", controlDatabaseName: "lockstep_films", madeAt: 1, generation: 2 },
    ...{ from: "1.0.0", to: "1.1.0", stepHash: "0123456789abcdef" },
    deadlines: {
      ...{ waitingMs: 900_000, backingUpMs: 3_600_000, noProgressMs: 600_000, peersMs: 900_000 },
      pausedMs: 3_600_000,
      ...{ silentMs: 60_000, rollingBackMs: 3_600_000 },
    },
    agents: [{ agent: "a1", role: "state-server", version: "1.0.0", isRequired: true }],
    steps: [
      {
        ...{ name: "titles", version: "1.1.0", target: "MasterStateServer" },
        ...{ description: "each title once", reads: null, undo: "the copies" },
      },
    ],
    collections: [{ name: "films", digest: "d1" }],
    estimates: [{ state: "waiting", ms: { least: 5_000, most: 8_000 } }],
    checks: [
      { name: "the oplog", isPassed: true, figure: "it holds 5 MB", code: null, warning: "short" },
    ],
    ...facts,
  };
}
