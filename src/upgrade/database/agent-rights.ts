import type { AgentRecord } from "../../control/agents.ts";
import { LockstepError } from "../../errors.ts";
import { type Lacking, readLacking, readSpecialContents } from "../../mongo/requirements/rights.ts";
import type { Connections } from "./connections.ts";

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

/**
 * The rights that an agent's users lack for an upgrade: that of its URL, and that of its `memberUrl`, which may be
 * another one and reads the copy.
 */
export async function readAgentRights(connections: Connections): Promise<Lacking> {
  const { client, memberClient } = connections;
  const own = await readLacking(client, "upgrade", connections);
  if (memberClient === client) return own;
  const { databaseName } = connections;
  const asked = { ...connections, ...(await readSpecialContents(client, databaseName)) };
  // A member that does not answer is reported as such elsewhere, and no copy is read from it then.
  const ofMember = await readLacking(memberClient, "member-copy", asked).catch(() => null);
  if (ofMember === null || ofMember.missing === "") return own;
  const missing = [own.missing, `the user of its memberUrl: ${ofMember.missing}`];
  return { ...own, missing: missing.filter((text) => text !== "").join("; ") };
}
