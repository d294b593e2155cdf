import { copyHoldersOf, holdersOf, type UpgradeContext } from "../../machines/upgrade-context.ts";
import type { ActorView } from "./derive.ts";

/** An agent that wants to be master. */
export interface Candidate {
  readonly agent: string;
  readonly version: string;
  /** What an agent runs; null for one that has not been heard of for too long. */
  versionOf(agent: string): string | null;
}

/** Who holds files that are needed goes first; where none of them is there, anybody may say so. */
function holdsOrNobodyDoes({ agent, versionOf }: Candidate, holders: readonly string[]): boolean {
  return holders.includes(agent) || holders.every((holder) => versionOf(holder) === null);
}

/** Where no agent is left that could go forward, one that fell back to another version turns back. */
function mayTurnBack(
  { agent, version, versionOf }: Candidate,
  { to, ready, required }: UpgradeContext,
): boolean {
  const isForward = (other: string) => ready[other] !== undefined && versionOf(other) === to;
  const names = required.map((other) => other.agent);
  return version !== to && names.includes(agent) && !names.some(isForward);
}

/**
 * Who may be master: between readiness and the commit point only an agent on the new version that
 * was ready with the agreed steps (none of them left: one that can only turn back); and where files are needed, one that holds them: the copy that is
 * rehearsed on or restored from, or the backup that is restored by hand; else any.
 */
export function isEligible(
  coordinator: ActorView<UpgradeContext> | undefined,
  candidate: Candidate,
): boolean {
  if (!coordinator) return true;
  const { to, ready, touched, restored, copies, restoreOf } = coordinator.context;
  const forward = candidate.version === to && ready[candidate.agent] !== undefined;
  const turnsBack = mayTurnBack(candidate, coordinator.context);
  switch (coordinator.state) {
    case "rehearsing":
      return turnsBack || (forward && holdsOrNobodyDoes(candidate, holdersOf(coordinator.context)));
    case "backing-up":
    case "migrating":
    case "awaiting-peers":
      return (
        turnsBack ||
        (forward && (restoreOf === null || holdsOrNobodyDoes(candidate, restoreOf.holders)))
      );
    case "rolling-back":
    case "blocked":
      return !touched || restored || holdsOrNobodyDoes(candidate, copyHoldersOf(copies));
    default:
      return true;
  }
}
