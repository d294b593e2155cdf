import type { Lacking } from "../database/rights.ts";
import { LockstepError } from "../errors.ts";
import type { AgentRecord } from "./agents.ts";

/** An agent that has a user of its own. */
type Rights = Pick<AgentRecord, "agent" | "rights">;

/** Agents that lack the same are named together. */
function words(agents: readonly Rights[], field: keyof Lacking): string {
  const byText = new Map<string, string[]>();
  for (const { agent, rights } of agents) {
    const text = rights?.[field] ?? "";
    if (text !== "") byText.set(text, [...(byText.get(text) ?? []), agent]);
  }
  return [...byText].map(([text, names]) => `${names.join(", ")}: ${text}`).join("; ");
}

/**
 * Refuses an upgrade for which a state server's user lacks a right that is needed anywhere, forward or back. Pure.
 * @returns what the operator should know of rights without which an upgrade goes on, or null
 * @throws LockstepError `rights-missing`
 */
export function requireAgentRights(agents: readonly Rights[]): string | null {
  const missing = words(agents, "missing");
  if (missing !== "") {
    throw new LockstepError(
      "rights-missing",
      `expected the user of each state server to have every right that an upgrade needs, forward and back, missing for ${missing}: grant them, then ask again; nothing was touched`,
      { missing },
    );
  }
  const optional = words(agents, "optional");
  if (optional === "") return null;
  return `an upgrade can do without these rights, less well; missing for ${optional}`;
}
