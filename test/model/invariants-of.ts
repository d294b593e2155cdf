import type { AgentContext } from "../../machines/participant-context.ts";
import { agentInvariants, type Seen, upgradeInvariants } from "../../machines/invariants.ts";
import type { UpgradeContext } from "../../machines/upgrade-context.ts";

/** The invariants of either machine, for one transition. */
export function invariantsOf(
  machine: string,
  before: Seen<unknown>,
  after: Seen<unknown>,
  event: string,
): string[] {
  return machine === "upgrade"
    ? upgradeInvariants(before as Seen<UpgradeContext>, after as Seen<UpgradeContext>)
    : agentInvariants(before as Seen<AgentContext>, after as Seen<AgentContext>, event);
}
