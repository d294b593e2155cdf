import {
  copyHoldersOf,
  holdersOf,
  type UpgradeContext,
} from "../../../machines/upgrade-context.ts";
import type { ActorView } from "./derive.ts";

/** An agent that wants to be master. */
export interface Candidate {
  readonly agent: string;
  readonly version: string;
  /** The version that an agent runs; null for one that has been silent for too long. */
  versionOf(agent: string): string | null;
}

/** True for a holder of the files that are needed. Where no holder could lead, any agent may lead, and reports that. */
function holdsOrNobodyDoes(
  agent: string,
  holders: readonly string[],
  couldLead: (holder: string) => boolean,
): boolean {
  return holders.includes(agent) || !holders.some(couldLead);
}

/** True for an agent that may drive the upgrade between readiness and the commit point: its build was ready for that. */
export function goesForward(
  context: UpgradeContext,
  { agent, version }: { readonly agent: string; readonly version: string | null },
): boolean {
  const { to, ready } = context;
  return version === to && ready[agent] !== undefined && isRequired(context, agent);
}

/** True for an agent that the upgrade is for. It is not for one that came later, or was forgotten. */
export function isRequired({ required }: UpgradeContext, agent: string): boolean {
  return required.some((other) => other.agent === agent);
}

/**
 * Where no agent is left that could go forward, one that fell back to another version turns the upgrade back. Where no
 * agent that the upgrade is for can be heard at all, any other agent keeps its deadline and serves requests.
 */
function mayStandIn(
  { agent, version, versionOf }: Candidate,
  context: UpgradeContext,
  isForward: (other: string) => boolean,
): boolean {
  const names = context.required.map((other) => other.agent);
  if (names.some(isForward)) return false;
  if (isRequired(context, agent)) return version !== context.to;
  return names.every((name) => versionOf(name) === null);
}

/**
 * True for an agent that may be master. Between readiness and the commit point that is an agent on the new version that
 * was ready with the agreed steps; where none of them is left, one that can only turn back. Where files are needed (the
 * copy that is rehearsed on or restored from, or the backup that is restored by hand) it is an agent that holds them.
 * In all other states it is any agent.
 */
export function isEligible(
  coordinator: ActorView<UpgradeContext> | undefined,
  candidate: Candidate,
): boolean {
  if (!coordinator) return true;
  const { touched, restored, copies, restoreOf } = coordinator.context;
  const { agent, versionOf } = candidate;
  const isForward = (other: string) =>
    goesForward(coordinator.context, { agent: other, version: versionOf(other) });
  const forward = goesForward(coordinator.context, candidate);
  const standsIn = mayStandIn(candidate, coordinator.context, isForward);
  switch (coordinator.state) {
    case "backing-up":
    case "rehearsing":
    case "migrating":
    case "paused":
    case "awaiting-peers": {
      const needsCopy = coordinator.state === "rehearsing";
      const holders = needsCopy ? holdersOf(coordinator.context) : (restoreOf?.holders ?? []);
      return standsIn || (forward && holdsOrNobodyDoes(agent, holders, isForward));
    }
    case "rolling-back":
    case "blocked": {
      const isHeard = (other: string) => versionOf(other) !== null;
      return !touched || restored || holdsOrNobodyDoes(agent, copyHoldersOf(copies), isHeard);
    }
    default:
      return true;
  }
}
