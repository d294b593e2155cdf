import { differencesText, stepDifferences } from "./step-differences.ts";
import { momentGone, type UpgradeContext } from "./upgrade-context.ts";
import type { Reason } from "./vocabulary.ts";

/** The required agents for which the condition does not hold yet. Pure. */
export function missing(
  { required }: UpgradeContext,
  present: (agent: string) => boolean,
): string[] {
  return required.map(({ agent }) => agent).filter((agent) => !present(agent));
}

// The reasons for which a coordinator turns back by itself. Each names the agents that it waited for. Pure.

const timeout = (message: string, details: Reason["details"]): Reason => ({
  code: "timeout",
  message,
  details,
});

export const disagreement = (context: UpgradeContext): Reason => {
  const unheard = missing(context, (agent) => context.ready[agent] !== undefined);
  const rest = unheard.length === 0 ? "" : `; not heard yet: ${unheard.join(", ")}`;
  return {
    code: "steps-differ",
    message: `expected the same steps for ${context.to} on every required agent, found ${differencesText(context.ready)}${rest}: install the same build everywhere, then upgrade again`,
    details: { differences: stepDifferences(context.ready), unheard },
  };
};

export const copiesDiffer = ({ copies }: UpgradeContext): Reason => {
  const failed = Object.entries(copies).flatMap(([agent, { reason }]) =>
    reason === null ? [] : [{ agent, reason }],
  );
  const digests = Object.values(copies).flatMap(({ digest }) => (digest === null ? [] : [digest]));
  if (failed.length === 0 || new Set(digests).size > 1) {
    return {
      code: "backup-mismatch",
      message:
        "expected equal copies on the state servers, found copies that differ: compare them, repair the host with the wrong one, then upgrade again",
      details: { copies },
    };
  }
  const isOfTime = failed.every(({ reason }) => reason.code === momentGone);
  const why = failed.map(({ agent, reason }) => `${agent}: ${reason.message}`).join("; ");
  return {
    code: isOfTime ? momentGone : "backup-mismatch",
    message: `too few state servers hold a copy: ${why}: repair that, then upgrade again`,
    details: { copies },
  };
};

export const nobodyLeft = ({ excluded }: UpgradeContext): Reason => ({
  code: "peers-missing",
  message: `expected agents to upgrade, but an operator has forgotten all of them (${excluded.join(", ")}): start an agent, then upgrade again`,
  details: { excluded },
});

export const readinessTooLate = (context: UpgradeContext): Reason =>
  timeout(
    "some required agents were not ready on the new version before the deadline: look at the agents in `missing`, then upgrade again",
    {
      missing: missing(context, (agent) => context.ready[agent] !== undefined),
      gatesShut: context.gatesShut,
    },
  );

export const backupTooLate = (context: UpgradeContext): Reason =>
  timeout(
    "backup and rehearsal did not end before the deadline: look at the agents in `missing`, or set a later one with --deadline backing-up=SECONDS",
    {
      missing: missing(context, (agent) => context.copies[agent] !== undefined),
    },
  );

export const noProgress = (): Reason =>
  timeout(
    "the schema migration committed no batch before the deadline: make the step faster, or set a later one with --deadline no-progress=SECONDS",
    {},
  );

export const pausedTooLong = ({ deadlines: { pausedMs } }: UpgradeContext): Reason =>
  timeout(
    `the upgrade was paused for ${Math.round(pausedMs / 1000)} s, and nobody resumed it: upgrade again, or allow a longer pause with --deadline paused=SECONDS`,
    { pausedMs },
  );

export const peersTooLate = (context: UpgradeContext): Reason =>
  timeout(
    "some required agents did not end their local steps and readiness checks before the deadline: look at the agents in `missing`, or set a later one with --deadline peers=SECONDS",
    {
      missing: missing(context, (agent) => context.voted.includes(agent)),
    },
  );

export const silentTooLong = ({ deadlines }: UpgradeContext, agent: string): Reason => ({
  code: "agent-silent",
  message: `agent ${agent} was silent for ${Math.round(deadlines.silentMs / 1000)} s, and the fleet needs it for this upgrade: start it, then upgrade again; where it never comes back, run \`lockstep forget ${agent}\` first, after which the fleet upgrades without it; --deadline silent=SECONDS waits longer`,
  details: { agent },
});
