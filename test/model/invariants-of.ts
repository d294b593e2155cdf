import { agentInvariants, type Seen, upgradeInvariants } from "../../machines/invariants.ts";
import type { ParticipantContext } from "../../machines/participant-context.ts";
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
    : agentInvariants(before as Seen<ParticipantContext>, after as Seen<ParticipantContext>, event);
}
