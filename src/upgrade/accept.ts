import { gt } from "semver";
import type { UpgradeInput } from "../../machines/upgrade-context.ts";
import type { Deadlines } from "../../machines/vocabulary.ts";
import { LockstepError } from "../errors.ts";
import { limits } from "../limits.ts";
import type { Versions } from "../store/store.ts";
import { type AgentRecord, isSilent } from "./agents.ts";
import { nextUpgradeId, requireSemver } from "./versions.ts";

/** The deadlines of an upgrade whose operator named none. */
export const deadlinesDefault: Deadlines = {
  waitingMs: limits.waitingDeadlineMs,
  backingUpMs: limits.backingUpDeadlineMs,
  noProgressMs: limits.noProgressDeadlineMs,
  peersMs: limits.peersDeadlineMs,
  rollingBackMs: limits.rollingBackDeadlineMs,
};

/**
 * Decides whether an upgrade may be accepted, and what it is created with. Pure.
 * @throws LockstepError `version-not-semver`, `version-not-higher`, `upgrade-active`,
 *   `peers-missing`, `cannot-start`
 */
export function decideAcceptance(options: {
  versions: Versions;
  agents: readonly AgentRecord[];
  to: string;
  deadlines: Partial<Deadlines>;
  nowMs: number;
}): UpgradeInput {
  const { versions, agents, to, nowMs } = options;
  requireSemver(to);
  if (versions.upgrade !== null) {
    throw new LockstepError(
      "upgrade-active",
      `an upgrade to ${versions.agentVersion} holds the slot: wait for it, or abort it first`,
      { upgrade: versions.upgrade },
    );
  }
  if (!gt(to, versions.agentVersion)) {
    throw new LockstepError(
      "version-not-higher",
      `expected a version higher than ${versions.agentVersion}, got ${to}: going back after the commit is a restore`,
      { from: versions.agentVersion, to },
    );
  }
  const required = agents.filter(({ role }) => role === "state-server");
  const missing = required.filter(
    (agent) =>
      isSilent(agent, nowMs) || agent.version !== versions.agentVersion || agent.owes !== null,
  );
  if (required.length === 0 || missing.length > 0) {
    throw new LockstepError(
      "peers-missing",
      `expected all ${required.length} state servers present on ${versions.agentVersion}, missing: ${
        missing.map(({ agent }) => agent).join(", ") || "all"
      }: start them, or \`lockstep forget AGENT\` who is gone for good`,
      { missing: missing.map(({ agent }) => agent) },
    );
  }
  const unable = required.filter(({ startable }) => !startable.includes(to));
  if (unable.length > 0) {
    throw new LockstepError(
      "cannot-start",
      `expected ${to} to be installed everywhere, cannot be started by: ${unable
        .map(({ agent }) => agent)
        .join(", ")}: install it there, then upgrade again`,
      { unable: unable.map(({ agent, startable }) => ({ agent, startable })) },
    );
  }
  return {
    upgrade: nextUpgradeId(versions),
    from: versions.agentVersion,
    to,
    required: required.map(({ agent, role }) => ({ agent, role })),
    deadlines: { ...deadlinesDefault, ...options.deadlines },
    acceptedAt: nowMs,
  };
}
