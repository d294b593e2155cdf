import type { UpgradeContext } from "../../../machines/upgrade-context.ts";
import { missing } from "../../../machines/upgrade-reasons.ts";
import type { AgentRecord } from "../../control/agents.ts";

/** The agents and others for which an upgrade waits. Pure. */
export function waitingFor(
  state: string,
  context: UpgradeContext,
  agents: readonly AgentRecord[],
): string[] {
  switch (state) {
    case "waiting": {
      const open = agents.filter(({ gate }) => gate === "open").map(({ agent }) => agent);
      const unready = missing(context, (agent) => context.ready[agent] !== undefined);
      return [...new Set([...unready, ...open])].toSorted();
    }
    case "backing-up":
      return missing(context, (agent) => context.copies[agent] !== undefined);
    case "rehearsing":
    case "migrating":
      return ["master"];
    case "awaiting-peers":
      // After the last vote the master looks at the live data once more.
      return context.verifying
        ? ["master"]
        : missing(context, (agent) => context.voted.includes(agent));
    case "rolling-back": {
      const undone = missing(
        context,
        (agent) => context.undone.includes(agent) || context.debtors.includes(agent),
      );
      return context.restored ? undone : ["master", ...undone];
    }
    case "paused":
    case "blocked":
      return ["operator"];
    default:
      return [];
  }
}
