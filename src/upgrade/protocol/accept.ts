import { gt, lt } from "semver";
import type { UpgradeInput } from "../../../machines/upgrade-context.ts";
import type { Deadlines } from "../../../machines/vocabulary.ts";
import { type AgentRecord, isSilent, isStarting } from "../../control/agents.ts";
import { nextUpgradeId, requireSemver } from "../../control/versions.ts";
import { LockstepError } from "../../errors.ts";
import type { Versions } from "../../journal/store.ts";
import { limits } from "../../limits.ts";

/** The deadlines of an upgrade whose operator named none. */
export const deadlinesDefault: Deadlines = {
  waitingMs: limits.waitingDeadlineMs,
  backingUpMs: limits.backingUpDeadlineMs,
  noProgressMs: limits.noProgressDeadlineMs,
  pausedMs: limits.pausedDeadlineMs,
  peersMs: limits.peersDeadlineMs,
  silentMs: limits.silentDeadlineMs,
  rollingBackMs: limits.rollingBackDeadlineMs,
};

/** The target of a fleet: another version, or the version and data of a backup. */
export interface Wanted {
  readonly to: string;
  readonly restoreOf: { readonly backupId: string; readonly digest: string } | null;
}

/** An agent's part in an earlier upgrade that is not done yet. */
export interface OpenPart {
  readonly agent: string;
  readonly upgradeId: string;
  readonly state: string;
}

/** True for a part that still has local work to do. One that has voted ends by the commit alone. */
export function isOpenPart(state: string, isFinal: boolean): boolean {
  return !isFinal && state !== "checking-readiness" && state !== "awaiting-peers";
}

/** The last ones of a list of versions. */
function listed(versions: readonly string[]): string {
  const left = versions.length - limits.versionsShownMax;
  const shown = versions.slice(-limits.versionsShownMax).join(", ");
  return left > 0 ? `${shown} and ${left} more` : shown;
}

/** The refusal of a version that not every agent can start. One without a launcher can start no other. Pure. */
function cannotStart(to: string, unable: readonly AgentRecord[]): LockstepError {
  const reasons = unable.map(({ agent, startable }) => {
    const why =
      startable.length === 0 ? "runs without a launcher" : `can start ${listed(startable)}`;
    return `${agent} (it ${why})`;
  });
  const toDo = [
    ...(unable.some(({ startable }) => startable.length > 0)
      ? ["install it there and list it in the launcher's versions file"]
      : []),
    ...(unable.some(({ startable }) => startable.length === 0)
      ? [
          "stop each agent that runs without a launcher, and start it under `lockstep-launcher` with a versions file that lists both versions",
        ]
      : []),
  ];
  return new LockstepError(
    "cannot-start",
    `expected every state server to be able to start ${to}, but these cannot: ${reasons.join(", ")}: ${toDo.join("; ")}, then ask again`,
    { unable: unable.map(({ agent, startable }) => ({ agent, startable })) },
  );
}

const named = (agents: readonly AgentRecord[]) => agents.map(({ agent }) => agent).join(", ");

function requiredHoldersOf(
  required: readonly AgentRecord[],
  { restoreOf }: Wanted,
): UpgradeInput["restoreOf"] {
  if (restoreOf === null) return null;
  const holders = required.filter(({ backups }) => backups.includes(restoreOf.backupId));
  if (holders.length === 0) {
    throw new LockstepError(
      "backup-mismatch",
      `expected a state server that holds backup "${restoreOf.backupId}", none does: copy its folder into the \`backups\` of a data directory`,
      { backupId: restoreOf.backupId },
    );
  }
  return { ...restoreOf, holders: holders.map(({ agent }) => agent) };
}

/**
 * A higher version brings the steps that lead to it. A lower one has no way to undo the steps that lie between.
 * @throws LockstepError `version-not-higher`
 */
function requireWay(from: string, to: string, between: readonly string[]): void {
  if (gt(to, from) || (lt(to, from) && between.length === 0)) return;
  const [named, left] = [
    between.slice(0, limits.stepsBetweenNamedMax),
    between.length - limits.stepsBetweenNamedMax,
  ];
  const more = left > 0 ? ` and ${left} more` : "";
  const message =
    between.length === 0
      ? `expected another version than ${from}, got ${to}: the fleet runs it already, so there is nothing to do`
      : `expected a version higher than ${from}, got ${to}, which has no way to undo what lies between: ${named.join(", ")}${more}: going back after the commit is a restore`;
  throw new LockstepError("version-not-higher", message, { from, to, between: named });
}

/**
 * An agent that works on an earlier upgrade takes part in no other. Where that work fails, the fleet would wait for its
 * deadlines.
 * @throws LockstepError `peers-missing`
 */
function requireNoOpenParts(openParts: readonly OpenPart[]): void {
  if (openParts.length === 0) return;
  const parts = openParts.map(
    ({ agent, upgradeId, state }) => `${agent} (${state} in ${upgradeId})`,
  );
  throw new LockstepError(
    "peers-missing",
    `expected no state server to be at work for an earlier upgrade, got: ${parts.join(", ")}: ask again once \`lockstep status\` shows that it serves`,
    { missing: openParts.map(({ agent }) => agent) },
  );
}

/**
 * Decides whether an upgrade may be accepted, and what it is created with. Pure.
 * @throws LockstepError `version-not-semver`, `version-not-higher`, `upgrade-active`,
 *   `peers-missing`, `cannot-start`, `backup-mismatch`
 */
export function decideAcceptance(options: {
  versions: Versions;
  agents: readonly AgentRecord[];
  wanted: Wanted;
  /** The steps between the fleet's version and a lower one that is wanted, which that one cannot undo. */
  between: readonly string[];
  deadlines: Partial<Deadlines>;
  /** The parts of these agents in earlier upgrades that are not done yet. */
  openParts: readonly OpenPart[];
  nowMs: number;
}): UpgradeInput {
  const { versions, agents, wanted, nowMs } = options;
  const { to } = wanted;
  requireSemver(to);
  if (versions.upgradeId !== null) {
    throw new LockstepError(
      "upgrade-active",
      `an upgrade to ${versions.agentVersion} holds the slot: wait for it, or abort it first`,
      { upgradeId: versions.upgradeId },
    );
  }
  if (wanted.restoreOf === null) requireWay(versions.agentVersion, to, options.between);
  const required = agents.filter(({ role }) => role === "state-server");
  const missing = required.filter(
    (agent) =>
      isSilent(agent, nowMs) || agent.version !== versions.agentVersion || agent.owes !== null,
  );
  if (required.length === 0 || missing.length > 0) {
    throw new LockstepError(
      "peers-missing",
      `expected all ${required.length} state servers present on ${versions.agentVersion}, missing: ${
        named(missing) || "all"
      }: start them, or \`lockstep forget AGENT\` for each that is gone for good`,
      { missing: missing.map(({ agent }) => agent) },
    );
  }
  // Its files may match another version. Then it can take no part yet, and the fleet would wait for it.
  const starting = required.filter(isStarting);
  if (starting.length > 0) {
    throw new LockstepError(
      "peers-missing",
      `expected state servers whose hosts are ready, got some that have only just started, or still run the local steps of their hosts: ${named(starting)}: ask again once \`lockstep status\` shows that they serve`,
      { missing: starting.map(({ agent }) => agent) },
    );
  }
  const stuck = required.filter(({ blocked }) => blocked !== null);
  if (stuck.length > 0) {
    throw new LockstepError(
      "peers-missing",
      `expected no state server to be stuck, got: ${stuck.map(({ agent, blocked }) => `${agent}: ${blocked}`).join("; ")}: mend that, then \`lockstep retry\`; or stop it and run \`lockstep forget\`: when you start it again after the upgrade, it catches up`,
      { missing: stuck.map(({ agent }) => agent) },
    );
  }
  requireNoOpenParts(
    options.openParts.filter((part) => required.some(({ agent }) => agent === part.agent)),
  );
  const unable = required.filter(
    ({ startable, version }) => version !== to && !startable.includes(to),
  );
  if (unable.length > 0) throw cannotStart(to, unable);
  return {
    upgradeId: nextUpgradeId(versions),
    from: versions.agentVersion,
    to,
    required: required.map(({ agent, role }) => ({ agent, role })),
    deadlines: { ...deadlinesDefault, ...options.deadlines },
    restoreOf: requiredHoldersOf(required, wanted),
    acceptedAt: nowMs,
  };
}
