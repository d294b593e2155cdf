import { LockstepError } from "../../errors.ts";
import { agentCondition, type Condition, conditionsOf } from "../conditions.ts";
import { namesShown } from "../names-shown.ts";
import { agentCauses, type Cause, upgradeCauses } from "./causes.ts";
import type { ExplainFacts } from "./facts.ts";
import { type NextCommand, nextForAgent, nextForUpgrade } from "./next-commands.ts";
import { safetyOfAgent, safetyOfUpgrade } from "./safety.ts";
import { triedByAgent, triedForUpgrade } from "./tried.ts";

export type { Cause } from "./causes.ts";
export type { NextCommand } from "./next-commands.ts";

/** Why an upgrade or an agent is as it is, and what to do now. */
export interface Explanation {
  /** The upgrade, the agent or the fleet, in words. */
  readonly subject: string;
  /** The condition, or null where no upgrade has been asked for yet. */
  readonly condition: Condition | null;
  /** The chain of causes, the outermost first. It is empty where nothing has failed. */
  readonly causes: readonly Cause[];
  readonly tried: readonly string[];
  readonly safe: readonly string[];
  readonly next: readonly NextCommand[];
}

function explainUpgrade(facts: ExplainFacts): Explanation {
  const { upgrade } = facts.status;
  const kind = upgrade?.restoreOf ? `restore of ${upgrade.restoreOf},` : "upgrade";
  return {
    subject:
      upgrade === null
        ? "the fleet"
        : `${kind} ${upgrade.upgradeId} from ${upgrade.from} to ${upgrade.to}: ${upgrade.state}`,
    condition: conditionsOf(facts.status).upgrade,
    causes: upgradeCauses(facts),
    tried: triedForUpgrade(facts),
    safe: safetyOfUpgrade(facts),
    next: nextForUpgrade(facts),
  };
}

/** @throws LockstepError `unknown-agent` */
function explainAgent(facts: ExplainFacts, name: string): Explanation {
  const { status } = facts;
  const agent = status.agents.find((each) => each.agent === name);
  if (agent === undefined) {
    const names = status.agents.map((each) => each.agent);
    throw new LockstepError(
      "unknown-agent",
      `expected an agent of this fleet, got "${name}"; the fleet has ${names.length === 0 ? "none" : namesShown(names)}: correct the name`,
    );
  }
  const causes = agentCauses(facts, name);
  return {
    subject: `agent ${name} on ${agent.version}: gate ${agent.gate}`,
    ...{ condition: agentCondition(agent, status), causes },
    tried: triedByAgent(facts, name),
    safe: safetyOfAgent(agent),
    next: nextForAgent(facts, agent, causes.length > 0),
  };
}

/**
 * Explains the latest upgrade, or one agent. Pure.
 * @throws LockstepError `unknown-agent`
 */
export function explain(facts: ExplainFacts, agent?: string): Explanation {
  return agent === undefined ? explainUpgrade(facts) : explainAgent(facts, agent);
}
