import type { AgentStatus, FleetStatus, UpgradeStatus } from "../../src/index.ts";
import type { Explanation } from "../../src/operator/explanation/explain.ts";
import { agentStatus, fleetStatus, statusNow, upgradeStatus } from "../support/fleet-status.ts";

export const at = statusNow;

export const things = { name: "things", database: "things", engine: null };

export const explanation: Explanation = {
  ...{ subject: "upgrade u000002", condition: null, causes: [], tried: [], safe: [], next: [] },
};

export function agentWith(facts: Partial<AgentStatus> = {}): AgentStatus {
  return agentStatus("a1", facts);
}

/** A migration with a deadline that is far away. */
export function upgradeWith(facts: Partial<UpgradeStatus> = {}): UpgradeStatus {
  const next = "the local steps of every agent; roll-back and restore when a step fails";
  return upgradeStatus({ until: at + 590_000, next, ...facts });
}

/** Two agents that migrate; a1 is the master. */
export function statusWith(facts: Partial<FleetStatus> = {}): FleetStatus {
  return fleetStatus({
    upgrade: upgradeWith(),
    master: { agent: "a1", epoch: 2, live: true, renewedAt: null, leaseUntil: at + 9_000 },
    agents: [agentWith(), agentWith({ agent: "a2" })],
    ...facts,
  });
}
