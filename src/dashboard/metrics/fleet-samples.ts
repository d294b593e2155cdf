import { limits } from "../../limits.ts";
import { type ConditionWord, conditionsOf } from "../../operator/conditions.ts";
import type { AgentStatus, FleetStatus } from "../../operator/status.ts";
import type { Sheet } from "./sheet.ts";

/** The states of an upgrade, so that each has a series from the start. */
export const upgradeStates = [
  ...["waiting", "backing-up", "rehearsing", "migrating", "paused", "awaiting-peers"],
  ...["rolling-back", "blocked", "done", "rolled-back"],
] as const;

const words: readonly ConditionWord[] = ["active", "working", "waiting", "blocked"];
const roles: readonly AgentStatus["role"][] = ["state-server", "machine"];

const seconds = (ms: number) => ms / 1_000;

/** The moment of a status is read first, so a record may be a little newer than it. */
const age = (now: number, since: number) => seconds(Math.max(0, now - since));

const gates = ["open", "draining", "shut", "unknown"] as const;

/** The record of an agent that is not heard says where its gate was. */
function gateOf({ gate, drainingSince, silent }: AgentStatus): (typeof gates)[number] {
  if (silent) return "unknown";
  return drainingSince === null ? gate : "draining";
}

/** The samples of the fleet's status. Pure but for the sheet. */
export function putFleet(sheet: Sheet, status: FleetStatus): void {
  const { versions, agents } = status;
  putAgents(sheet, status);
  putBackups(sheet, agents);
  putMaster(sheet, status);
  putUpgrade(sheet, status);
  const { agentVersion, databaseVersion, generation } = versions;
  sheet.put("version_info", 1, { agent_version: agentVersion, database_version: databaseVersion });
  sheet.put("generation", generation);
}

function putAgents(sheet: Sheet, status: FleetStatus): void {
  const { agents, now } = status;
  const conditions = conditionsOf(status).agents;
  const counted = <Value>(role: string, wanted: Value, facetOf: (index: number) => Value) =>
    agents.filter((agent, index) => agent.role === role && facetOf(index) === wanted).length;
  for (const role of roles) {
    for (const condition of words) {
      const count = counted(role, condition, (index) => conditions[index]?.word);
      sheet.put("agents", count, { role, condition });
    }
    for (const gate of gates) {
      const count = counted(role, gate, (index) => gateOf(agents[index] as AgentStatus));
      sheet.put("gates", count, { role, gate });
    }
    sheet.put(
      "agents_silent",
      counted(role, true, (index) => agents[index]?.silent),
      { role },
    );
  }
  if (agents.length > limits.metricsAgentsMax) return;
  for (const { agent, lastSeenAt } of agents) {
    sheet.put("agent_heartbeat_age_seconds", age(now, lastSeenAt), { agent });
  }
}

function putBackups(sheet: Sheet, agents: readonly AgentStatus[]): void {
  const known = agents.flatMap(({ backups }) => backups ?? []);
  if (known.length === 0) return;
  sheet.put(
    "backups_held",
    known.reduce((sum, { held }) => sum + held, 0),
  );
  sheet.put(
    "backup_bytes",
    known.reduce((sum, { bytes }) => sum + bytes, 0),
  );
  const times = known.flatMap(({ newestAt }) => newestAt ?? []);
  if (times.length > 0) {
    sheet.put("backup_newest_timestamp_seconds", seconds(Math.max(...times)));
  }
}

function putMaster(sheet: Sheet, { master, now }: FleetStatus): void {
  sheet.put("master_live", master?.live ? 1 : 0);
  if (master === null) return;
  const { epoch, leaseUntil, renewedAt } = master;
  sheet.put("master_epoch", epoch);
  if (leaseUntil !== null) sheet.put("master_lease_seconds", seconds(leaseUntil - now));
  if (renewedAt !== null) sheet.put("master_lease_age_seconds", age(now, renewedAt));
}

/** The time in which not every required agent has served. It is not known when an agent that was forgotten has served. */
function downtimeSeconds({ upgrade, now }: FleetStatus): number {
  if (upgrade === null) return 0;
  const { downtime, final, notServing } = upgrade;
  const isOver = downtime.until !== null || (final && notServing.length === 0);
  return downtime.from === null || isOver ? 0 : age(now, downtime.from);
}

function putUpgrade(sheet: Sheet, status: FleetStatus): void {
  const { upgrade, now } = status;
  for (const state of upgradeStates) {
    sheet.put("upgrade_state", upgrade?.state === state ? 1 : 0, { state });
  }
  sheet.put("upgrade_active", upgrade && !upgrade.final ? 1 : 0);
  sheet.put("upgrade_batches", upgrade?.batches ?? 0);
  sheet.put("downtime_seconds", downtimeSeconds(status));
  if (upgrade === null) return;
  sheet.put("upgrade_state_age_seconds", age(now, upgrade.since));
  if (upgrade.until !== null) {
    sheet.put("upgrade_deadline_seconds", seconds(upgrade.until - now));
  }
}
