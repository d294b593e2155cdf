import { Gauge, Registry } from "prom-client";
import { type ConditionWord, conditionsOf } from "../operator/conditions.ts";
import type { FleetStatus } from "../operator/status.ts";

/** The states of an upgrade, so that each has a series from the start. */
const states = [
  ...["waiting", "backing-up", "rehearsing", "migrating", "awaiting-peers"],
  ...["rolling-back", "blocked", "done", "rolled-back"],
];

const words: readonly ConditionWord[] = ["active", "working", "waiting", "blocked"];

/** The metrics of a fleet in the text form of Prometheus. Each scrape reads the fleet. */
export async function metricsText(
  status: FleetStatus,
): Promise<{ readonly type: string; readonly text: string }> {
  const registry = new Registry();
  const registers = [registry];
  const gauge = (name: string, help: string, value: number | null | undefined) => {
    const made = new Gauge({ name: `lockstep_${name}`, help, registers });
    if (value === null || value === undefined) made.remove();
    else made.set(value);
  };
  const { upgrade, master, agents, now, versions } = status;
  const conditions = conditionsOf(status).agents;
  const byWord = new Gauge({
    ...{ name: "lockstep_agents", help: "Agents in each condition.", registers },
    labelNames: ["condition"],
  });
  for (const word of words) {
    byWord.set({ condition: word }, conditions.filter((each) => each.word === word).length);
  }
  const gates = new Gauge({
    ...{ name: "lockstep_gates_open", help: "Agents whose gate is open.", registers },
  });
  gates.set(agents.filter((agent) => agent.gate === "open").length);
  const state = new Gauge({
    ...{
      name: "lockstep_upgrade_state",
      help: "1 for the state of the latest upgrade.",
      registers,
    },
    labelNames: ["state"],
  });
  for (const each of states) state.set({ state: each }, upgrade?.state === each ? 1 : 0);
  const version = new Gauge({
    ...{ name: "lockstep_version_info", help: "1 for the versions of the fleet.", registers },
    labelNames: ["agent_version", "database_version"],
  });
  const { agentVersion, databaseVersion } = versions;
  version.set({ agent_version: agentVersion, database_version: databaseVersion }, 1);
  const seconds = (ms: number) => ms / 1_000;
  gauge("generation", "Grows with each upgrade and each end of a roll-back.", versions.generation);
  gauge("upgrade_active", "1 while an upgrade is under way.", upgrade && !upgrade.final ? 1 : 0);
  gauge(
    "upgrade_state_age_seconds",
    "How long the upgrade is in its state.",
    upgrade && seconds(now - upgrade.since),
  );
  gauge(
    "upgrade_deadline_seconds",
    "The time to the deadline of the state.",
    upgrade?.until == null ? null : seconds(upgrade.until - now),
  );
  gauge("upgrade_batches", "Batches committed on the live data.", upgrade?.batches ?? 0);
  gauge("master_epoch", "The epoch of the mastership: its changes are takeovers.", master?.epoch);
  gauge("master_live", "1 while an agent holds the lease.", master?.live ? 1 : 0);
  gauge(
    "master_lease_seconds",
    "The time until the lease ends, negative after its end.",
    master?.leaseUntil == null ? null : seconds(master.leaseUntil - now),
  );
  return { type: registry.contentType, text: await registry.metrics() };
}
