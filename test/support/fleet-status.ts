import type { AgentStatus, FleetStatus, UpgradeStatus } from "../../src/index.ts";

/** The moment of the statuses below. */
export const statusNow = Date.UTC(2026, 0, 2, 3, 4, 5);

/** An agent that serves 1.0.0, with other facts where they are given. */
export function agentStatus(agent: string, facts: Partial<AgentStatus> = {}): AgentStatus {
  return {
    ...{ agent, role: "state-server", version: "1.0.0", incarnation: 1, gate: "open" },
    ...{ startable: ["1.0.0", "1.1.0"], drainingSince: null, silent: false, starting: false },
    ...{ lastSeenAt: statusNow - 500, owes: null, blocked: null, backups: null, host: "h", pid: 1 },
    ...facts,
  };
}

/** An upgrade from 1.0.0 to 1.1.0 that migrates, with other facts where they are given. */
export function upgradeStatus(facts: Partial<UpgradeStatus> = {}): UpgradeStatus {
  return {
    ...{ upgradeId: "u000002", from: "1.0.0", to: "1.1.0", restoreOf: null, state: "migrating" },
    ...{ since: statusNow - 10_000, waitingFor: ["master"], pause: null, silent: [] },
    ...{ until: statusNow + 60_000, next: "the local steps", howToStop: "lockstep abort" },
    howToPause: "lockstep pause",
    ...{ reason: null, batches: 0, progress: null, restoring: null, copies: null },
    ...{
      copiedAgain: null,
      saved: null,
      earlyWrites: [],
      foreignWrites: null,
      rehearsedMs: null,
      rehearsed: [],
    },
    ...{ growthBytes: null, downtime: { from: null, until: null }, notServing: [] },
    ...{ unreadable: false, final: false },
    ...facts,
  };
}

/** A fleet of three agents on 1.0.0, with other facts where they are given. */
export function fleetStatus(facts: Partial<FleetStatus> = {}): FleetStatus {
  const upgrade = facts.upgrade ?? null;
  const isActive = upgrade !== null && !upgrade.final;
  return {
    now: statusNow,
    versions: {
      agentVersion: isActive ? "1.1.0" : "1.0.0",
      databaseVersion: isActive ? "1.0.0>1.1.0#u000002" : "1.0.0",
      upgradeId: isActive ? "u000002" : null,
      generation: 2,
    },
    master: { agent: "a2", epoch: 4, live: true, renewedAt: null, leaseUntil: statusNow + 4_000 },
    upgrade: null,
    agents: ["a1", "a2", "a3"].map((agent) => agentStatus(agent)),
    ...facts,
  };
}
