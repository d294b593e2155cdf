import { copyHoldersOf, holdersOf, type UpgradeContext } from "../../machines/upgrade-context.ts";
import type { ActorView } from "./derive.ts";

/** An agent that wants to be master. */
export interface Candidate {
  readonly agent: string;
  readonly version: string;
  /** True for an agent that has not been heard of for too long. */
  isSilent(agent: string): boolean;
}

/** Who holds files that are needed goes first; where none of them is there, anybody may say so. */
function holdsOrNobodyDoes({ agent, isSilent }: Candidate, holders: readonly string[]): boolean {
  return holders.includes(agent) || holders.every(isSilent);
}

/**
 * Who may be master: between readiness and the commit point only an agent on the new version that
 * was ready with the agreed steps; and where files are needed, one that holds them: the copy that is
 * rehearsed on or restored from, or the backup that is restored by hand; else any.
 */
export function isEligible(
  coordinator: ActorView<UpgradeContext> | undefined,
  candidate: Candidate,
): boolean {
  if (!coordinator) return true;
  const { to, ready, touched, restored, copies, restoreOf } = coordinator.context;
  const forward = candidate.version === to && ready[candidate.agent] !== undefined;
  switch (coordinator.state) {
    case "rehearsing":
      return forward && holdsOrNobodyDoes(candidate, holdersOf(coordinator.context));
    case "backing-up":
    case "migrating":
    case "awaiting-peers":
      return forward && (restoreOf === null || holdsOrNobodyDoes(candidate, restoreOf.holders));
    case "rolling-back":
    case "blocked":
      return !touched || restored || holdsOrNobodyDoes(candidate, copyHoldersOf(copies));
    default:
      return true;
  }
}
