import { limits } from "../limits.ts";
import type { AgentStatus, FleetStatus } from "./status.ts";
import type { UpgradeStatus } from "./upgrade-status.ts";

/** The condition of an agent or an upgrade, in one word. Slow is not blocked: only a person ends `blocked`. */
export const conditionWords = ["active", "working", "waiting", "blocked"] as const;
export type ConditionWord = (typeof conditionWords)[number];

/** The condition with its facts. Moments are milliseconds by the database's clock. */
export interface Condition {
  readonly word: ConditionWord;
  /** The work that it does, or the trouble that it has. */
  readonly what: string;
  /** The agents and others for which it waits. It is empty where it does not wait. */
  readonly waitsFor: readonly string[];
  readonly since: number | null;
  /** Milliseconds since 1970 at which something else happens unless the wait ends, or null. */
  readonly until: number | null;
  /** The work that a person must do, or null where nobody has to do anything. */
  readonly todo: string | null;
}

/** The condition of one agent. */
export interface AgentCondition extends Condition {
  readonly agent: string;
}

/** The conditions of a fleet: of its latest upgrade, and of each agent in the order of the status. */
export interface Conditions {
  readonly upgrade: Condition | null;
  readonly agents: readonly AgentCondition[];
}

export const startServer = "start a state server of the fleet: it becomes master and goes on";
const mendAndRetry = "mend the cause, then run `lockstep retry`";

/** The master's work in each state of an upgrade. */
const masterWork: Readonly<Record<string, string>> = {
  rehearsing: "the master rehearses the steps on a copy",
  migrating: "the master migrates the live data",
  "awaiting-peers": "the master verifies the live data",
  "rolling-back": "the master puts the data back",
};

/** The work of an agent for which the upgrade waits in each state. */
const agentWork: Readonly<Record<string, (upgrade: UpgradeStatus) => string>> = {
  waiting: ({ to }) => `gets ready on ${to} with its gate shut`,
  "backing-up": () => "copies the database",
  "awaiting-peers": () => "runs its local steps and its readiness check, then votes",
  "rolling-back": ({ from }) => `undoes its local steps and goes back to ${from}`,
};

function condition(word: ConditionWord, what: string, rest: Partial<Condition> = {}): Condition {
  return { ...{ word, what, waitsFor: [], since: null, until: null, todo: null }, ...rest };
}

/** The condition of an upgrade that has ended. */
function endedCondition({ state, from, since, notServing }: UpgradeStatus): Condition {
  const end = state === "done" ? "committed" : `back on ${from}`;
  if (notServing.length === 0) return condition("active", end, { since });
  const waitsFor = notServing.map(({ agent }) => agent);
  return condition("waiting", `${end}; waits for ${waitsFor.join(", ")} to serve`, {
    ...{ waitsFor, since },
  });
}

/** The condition of an upgrade that an operator has paused. It goes on, or back, without anything to mend. */
function pausedCondition({ since, until, pause }: UpgradeStatus): Condition {
  const why = pause?.why ? ` (${pause.why})` : "";
  return condition("waiting", `for an operator to resume it${why}`, {
    ...{ waitsFor: ["operator"], since, until },
    todo: "run `lockstep resume`, or `lockstep abort`",
  });
}

/** True where a state server is heard: it takes over by itself. */
export function isStateServerHeard({ agents }: Pick<FleetStatus, "agents">): boolean {
  return agents.some(({ role, silent }) => role === "state-server" && !silent);
}

/** The condition of an upgrade that nobody leads. */
function leaderlessCondition(status: FleetStatus, since: number): Condition {
  const { master } = status;
  if (!isStateServerHeard(status))
    return condition("blocked", "no state server is heard", { since, todo: startServer });
  const waitsFor = ["a master"];
  return condition("waiting", "for a master: a state server takes over by itself", {
    ...{ waitsFor, since: master?.leaseUntil ?? since },
  });
}

/** The condition of an upgrade. */
function upgradeCondition(upgrade: UpgradeStatus, status: FleetStatus): Condition {
  const { state, since, until, waitingFor, silent } = upgrade;
  if (upgrade.final) return endedCondition(upgrade);
  if (upgrade.unreadable) {
    const todo = "start a state server of a version that can read its journal";
    return condition("blocked", "this build cannot read its journal", { since, todo });
  }
  if (state === "blocked") {
    return condition("blocked", "the way back needs a person", { since, todo: mendAndRetry });
  }
  if (!status.master?.live) return leaderlessCondition(status, since);
  if (silent.length > 0) {
    const waitsFor = silent.map(({ agent }) => agent);
    const ends = silent.flatMap((each) => each.until ?? []);
    return condition("waiting", `for ${waitsFor.join(", ")} to be heard`, {
      ...{ waitsFor, since, until: ends.length === 0 ? until : Math.min(...ends) },
      todo: `start ${waitsFor.join(", ")}, or run \`lockstep forget\` for each that never comes back`,
    });
  }
  if (state === "paused") return pausedCondition(upgrade);
  const work = waitingFor.includes("master") ? masterWork[state] : undefined;
  const then = upgrade.pause === null ? "" : ", and a pause follows";
  if (work) return condition("working", `${work}${then}`, { since, until });
  if (state === "backing-up") {
    return condition("working", "the state servers copy the database", { since, until });
  }
  if (waitingFor.length === 0) {
    return condition("working", "the master takes the next step", { since, until });
  }
  const waitsFor = waitingFor;
  return condition("waiting", `for ${waitsFor.join(", ")}`, { waitsFor, since, until });
}

/** The condition of an agent that is not heard. A restart is short, so a person is asked for later. */
function silentCondition({ agent, lastSeenAt }: AgentStatus, status: FleetStatus): Condition {
  const timer = status.upgrade?.silent.find((silent) => silent.agent === agent);
  const until = timer?.until ?? lastSeenAt + limits.silentDeadlineMs;
  // A heartbeat from the future is as good as none.
  const isFresh = status.now < until && lastSeenAt <= status.now;
  const since = lastSeenAt === 0 ? null : lastSeenAt;
  const todo = `start it on its host, or run \`lockstep forget ${agent}\` where it never comes back`;
  return isFresh
    ? condition("waiting", "for its heartbeat", { waitsFor: [agent], since, until })
    : condition("blocked", "it is silent", { since, todo });
}

/** The condition of an agent that takes part in an active upgrade. */
function memberCondition(
  { agent }: AgentStatus,
  upgrade: UpgradeStatus,
  { master }: FleetStatus,
): Condition {
  const { state, since, until, waitingFor } = upgrade;
  const isMaster = master?.live === true && master.agent === agent;
  const leads = isMaster && waitingFor.includes("master") ? masterWork[state] : undefined;
  if (leads) return condition("working", leads, { since, until });
  if (waitingFor.includes(agent)) {
    const work = agentWork[state]?.(upgrade) ?? "takes part in the upgrade";
    return condition("working", work, { since, until });
  }
  const waitsFor = waitingFor.length > 0 ? waitingFor : ["master"];
  return condition("waiting", `for ${waitsFor.join(", ")}`, { waitsFor, since, until });
}

/** The condition of an agent while no upgrade is active. */
function restingCondition(
  { agent, version, gate, owes, starting }: AgentStatus,
  { versions, upgrade }: FleetStatus,
): Condition {
  const why = upgrade?.notServing.find((each) => each.agent === agent)?.why;
  if (why !== undefined) return condition("working", why, { since: upgrade?.since ?? null });
  if (version !== versions.agentVersion) {
    return condition("working", `changes from ${version} to ${versions.agentVersion}`);
  }
  if (owes !== null) return condition("working", `undoes its part of ${owes}`);
  if (gate === "open") return condition("active", "serves");
  return condition("working", starting ? "gets the files of its host ready" : "opens its gate");
}

/** The condition of an agent. Pure. */
export function agentCondition(agent: AgentStatus, status: FleetStatus): Condition {
  const { upgrade } = status;
  if (agent.blocked !== null) {
    return condition("blocked", agent.blocked, {
      todo: "mend the cause; `lockstep retry` lets it try again at once",
    });
  }
  if (agent.silent) return silentCondition(agent, status);
  if (agent.drainingSince !== null) {
    return condition("working", "drains", { since: agent.drainingSince });
  }
  return upgrade && !upgrade.final
    ? memberCondition(agent, upgrade, status)
    : restingCondition(agent, status);
}

/** The condition of a fleet's latest upgrade and of each agent, by one status. Pure. */
export function conditionsOf(status: FleetStatus): Conditions {
  const { upgrade, agents } = status;
  return {
    upgrade: upgrade && upgradeCondition(upgrade, status),
    agents: agents.map((agent) => ({ agent: agent.agent, ...agentCondition(agent, status) })),
  };
}
