import type { UpgradeContext } from "../../machines/upgrade-context.ts";
import type { ActorView } from "./derive.ts";

/**
 * Who may be master: between readiness and the commit point only an agent on the new version that
 * was ready with the agreed steps; while changed data is restored, only one that holds a copy; else any.
 */
export function isEligible(
  coordinator: ActorView<UpgradeContext> | undefined,
  agent: string,
  version: string,
): boolean {
  if (!coordinator) return true;
  const { to, ready, touched, restored, copies } = coordinator.context;
  switch (coordinator.state) {
    case "backing-up":
    case "rehearsing":
    case "migrating":
    case "awaiting-peers":
      return version === to && ready[agent] !== undefined;
    case "rolling-back":
    case "blocked":
      return !touched || restored || Boolean(copies[agent]?.digest);
    default:
      return true;
  }
}
