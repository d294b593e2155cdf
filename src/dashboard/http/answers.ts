import type { FleetStatus } from "../../operator/status.ts";
import type { UpgradeStatus } from "../../operator/upgrade-status.ts";

/** One answer: a few words, a sentence, and the moment to which it counts. */
export interface Answer {
  readonly words: string;
  readonly detail: string;
  /** Since when it holds, or until when, in milliseconds by the database's clock. */
  readonly since: number | null;
  readonly until: number | null;
  /** True where a person has to act. */
  readonly alarm: boolean;
}

/** The answers to the five questions that an operator has. */
export interface Answers {
  /** The state, and since when. */
  readonly state: Answer;
  /** The agent that drives. */
  readonly driver: Answer;
  /** The agents for which the fleet waits. */
  readonly waits: Answer;
  /** The next thing that happens, and when at the latest. */
  readonly next: Answer;
  /** The way to stop it. */
  readonly stop: Answer;
}

const plain = { detail: "", since: null, until: null, alarm: false };

/** The number of agents that serve. The record of one that was killed still has its gate open. */
function servingWords({ agents }: FleetStatus): string {
  const serving = agents.filter(({ gate, silent }) => gate === "open" && !silent).length;
  return `${serving} of ${agents.length} agents serve`;
}

function stateAnswer(status: FleetStatus): Answer {
  const { upgrade, versions } = status;
  if (upgrade === null) {
    const detail = `${servingWords(status)} ${versions.agentVersion}`;
    return { ...plain, words: "no upgrade yet", detail };
  }
  return {
    ...plain,
    words: upgrade.state,
    detail: `${upgrade.from} → ${upgrade.to}`,
    since: upgrade.since,
    alarm: upgrade.state === "blocked",
  };
}

function driverAnswer({ master, agents, now }: FleetStatus): Answer {
  if (master === null) return { ...plain, words: "no master yet", alarm: agents.length > 0 };
  const { agent, epoch, live, leaseUntil } = master;
  if (leaseUntil === null) {
    const detail = `${agent} has given up the mastership of epoch ${epoch}`;
    return { ...plain, words: "no master", detail };
  }
  if (!live) {
    const detail = `the lease of ${agent} in epoch ${epoch} ran out`;
    return { ...plain, words: "no master", detail, since: leaseUntil, alarm: true };
  }
  const silent = agents.some((record) => record.agent === agent && record.silent);
  return {
    ...plain,
    words: agent,
    detail: silent ? `epoch ${epoch}, but it is silent; its lease ends` : `epoch ${epoch}`,
    until: silent && leaseUntil > now ? leaseUntil : null,
    alarm: silent,
  };
}

function waitsAnswer(status: FleetStatus): Answer {
  const { upgrade } = status;
  if (upgrade === null) return { ...plain, words: "nothing", detail: "no upgrade is under way" };
  if (upgrade.final) {
    const names = upgrade.notServing.map(({ agent }) => agent);
    if (names.length === 0) return { ...plain, words: "nothing", detail: servingWords(status) };
    const why = upgrade.notServing.map(({ agent, why: text }) => `${agent}: ${text}`).join("; ");
    return { ...plain, words: names.join(", "), detail: why, alarm: true };
  }
  const silent = upgrade.silent.map(({ agent }) => agent);
  const [first] = upgrade.silent;
  return {
    ...plain,
    words: upgrade.waitingFor.join(", ") || "the next step",
    detail: silent.length > 0 ? `${silent.join(", ")} silent; the fleet turns back` : "",
    until: first?.until ?? null,
    alarm: silent.length > 0 || upgrade.state === "blocked",
  };
}

function nextAnswer({ upgrade }: FleetStatus): Answer {
  if (upgrade === null) return { ...plain, words: "nothing", detail: "until an upgrade begins" };
  const [words = "", ...rest] = upgrade.next.split(/[:;,] /);
  return { ...plain, words, detail: rest.join("; "), until: upgrade.final ? null : upgrade.until };
}

function stopAnswer({ upgrade }: FleetStatus): Answer {
  if (upgrade === null || upgrade.final) return { ...plain, words: "nothing to stop" };
  return commandOf(upgrade);
}

function commandOf({ howToStop }: UpgradeStatus): Answer {
  if (howToStop === "lockstep abort") {
    return { ...plain, words: howToStop, detail: "the fleet goes back to the version before" };
  }
  const [words = "", ...rest] = howToStop.split(": ");
  return { ...plain, words, detail: rest.join(": ") };
}

/** The five answers. There are none before the first reading. Pure. */
export function answersOf(status: FleetStatus | null): Answers {
  const unknown = { ...plain, words: "not known yet" };
  if (status === null) {
    return { state: unknown, driver: unknown, waits: unknown, next: unknown, stop: unknown };
  }
  return {
    state: stateAnswer(status),
    driver: driverAnswer(status),
    waits: waitsAnswer(status),
    next: nextAnswer(status),
    stop: stopAnswer(status),
  };
}
