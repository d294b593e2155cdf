import { limits } from "../../limits.ts";
import { timeSpan } from "../../time-span.ts";
import {
  type AgentCondition,
  type Condition,
  conditionsOf,
  isStateServerHeard,
  startServer,
} from "../conditions.ts";
import type { AgentStatus, FleetStatus } from "../status.ts";
import { type Finding, ok, trouble, warning } from "./finding.ts";
import { parts } from "./mends.ts";

function judgeMaster(status: FleetStatus): Finding {
  const { master, now } = status;
  const { master: name } = parts;
  if (master?.live === true) {
    const left = timeSpan((master.leaseUntil ?? now) - now);
    return ok(name, `${master.agent} in epoch ${master.epoch}, whose lease lasts ${left} more`);
  }
  const last = master === null ? "there was none yet" : `the last one was ${master.agent}`;
  if (isStateServerHeard(status)) {
    const mend = "wait for some seconds: a state server takes over by itself";
    return warning(name, `there is none at present; ${last}`, mend);
  }
  return trouble(name, `there is none, and no state server is heard; ${last}`, startServer);
}

/** The words of a condition with its age. */
function words({ word, what, since }: Condition, now: number): string {
  const age = since === null ? "" : `, for ${timeSpan(now - since)}`;
  return `${word}: ${what}${age}`;
}

function judgeUpgrade({ upgrade, now }: FleetStatus, condition: Condition | null): Finding {
  const { upgrade: name } = parts;
  if (upgrade === null || condition === null) return ok(name, "there was none yet");
  const figure = `${upgrade.upgradeId} from ${upgrade.from} to ${upgrade.to} is ${upgrade.state}; ${words(condition, now)}`;
  if (condition.word === "blocked") {
    const mend = `${condition.todo ?? "see the cause"}; \`lockstep explain\` names the causes`;
    return trouble(name, figure, mend);
  }
  if (condition.todo !== null) return warning(name, figure, condition.todo);
  if (upgrade.notServing.length === 0) return ok(name, figure);
  return warning(name, figure, "`lockstep explain AGENT` says why one does not serve");
}

/** The finding of an agent that is not well, or null. */
function agentFinding(condition: AgentCondition, status: FleetStatus): Finding | null {
  const { agent, word, todo } = condition;
  const name = `the agent ${agent}`;
  const figure = words(condition, status.now);
  if (word === "blocked") {
    return trouble(name, figure, todo ?? `\`lockstep explain ${agent}\` names the causes`);
  }
  const isSilent = status.agents.some((each) => each.agent === agent && each.silent);
  if (!isSilent) return null;
  return warning(name, figure, "wait while it restarts; if it does not, start it on its host");
}

/** The number of agents in each condition: `2 active, 1 working`. */
function counts(conditions: readonly AgentCondition[]): string {
  const parted = (["active", "working", "waiting"] as const).flatMap((word) => {
    const count = conditions.filter((condition) => condition.word === word).length;
    return count === 0 ? [] : [`${count} ${word}`];
  });
  return parted.join(", ");
}

function judgeAgents(
  status: FleetStatus,
  conditions: readonly AgentCondition[],
): readonly Finding[] {
  const { agents: name } = parts;
  if (conditions.length === 0) {
    return [warning(name, "none has registered", "start the agents, each under its launcher")];
  }
  const found = conditions.map((condition) => agentFinding(condition, status));
  const well = conditions.filter((_, index) => found[index] === null);
  const rest = `${well.length} of ${conditions.length} are well: ${counts(well)}`;
  const unwell = found
    .flatMap((finding) => finding ?? [])
    .toSorted(
      (one, other) => Number(other.outcome === "trouble") - Number(one.outcome === "trouble"),
    );
  const shown = unwell.slice(0, limits.plannedAgentsShownMax);
  const next = unwell[shown.length];
  const figure = `${unwell.length - shown.length} more are blocked or silent`;
  return [
    ...(well.length === 0 ? [] : [ok(name, rest)]),
    ...shown,
    ...(next === undefined ? [] : [{ ...next, name, figure, mend: "`lockstep status` shows all" }]),
  ];
}

function judgeLaunchers(agents: readonly AgentStatus[]): readonly Finding[] {
  if (agents.length === 0) return [];
  const without = agents.filter(({ startable }) => startable.length === 0);
  const figure = `${agents.length - without.length} of ${agents.length} agents run under one`;
  if (without.length === 0) return [ok(parts.launchers, figure)];
  const names = without.slice(0, limits.namesShownMax).map(({ agent }) => agent);
  return [
    warning(
      parts.launchers,
      `${figure}, and not ${names.join(", ")}${without.length > names.length ? " and others" : ""}`,
      "start it under `lockstep-launcher` (docs/agents.md#the-launcher): an agent cannot change its version by itself",
    ),
  ];
}

/** Judges a fleet's master, its latest upgrade and its agents. Pure. */
export function judgeFleet(status: FleetStatus): readonly Finding[] {
  const conditions = conditionsOf(status);
  return [
    judgeMaster(status),
    judgeUpgrade(status, conditions.upgrade),
    ...judgeAgents(status, conditions.agents),
    ...judgeLaunchers(status.agents),
  ];
}
