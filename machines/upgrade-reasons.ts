import { momentGone, type UpgradeContext } from "./upgrade-context.ts";
import type { Reason } from "./vocabulary.ts";

/** Required agents that are not there yet. Pure. */
export function missing(
  { required }: UpgradeContext,
  present: (agent: string) => boolean,
): string[] {
  return required.map(({ agent }) => agent).filter((agent) => !present(agent));
}

// Why a coordinator turns back of its own accord: what was waited for, and for whom. Pure.

const timeout = (message: string, details: Reason["details"]): Reason => ({
  code: "timeout",
  message,
  details,
});

export const disagreement = (context: UpgradeContext): Reason => ({
  code: "steps-differ",
  message:
    "the required agents do not have the same steps for this version: install the same build everywhere, then upgrade again",
  details: { ready: context.ready },
});

export const copiesDiffer = ({ copies }: UpgradeContext): Reason => {
  const failed = Object.entries(copies).flatMap(([agent, { reason }]) =>
    reason === null ? [] : [{ agent, reason }],
  );
  const digests = Object.values(copies).flatMap(({ digest }) => (digest === null ? [] : [digest]));
  if (failed.length === 0 || new Set(digests).size > 1) {
    return {
      code: "backup-mismatch",
      message:
        "the copies of the state servers differ: see the copies, mend the host, then upgrade again",
      details: { copies },
    };
  }
  const isOfTime = failed.every(({ reason }) => reason.code === momentGone);
  const why = failed.map(({ agent, reason }) => `${agent}: ${reason.message}`).join("; ");
  return {
    code: isOfTime ? momentGone : "backup-mismatch",
    message: `too few state servers hold a copy: ${why}: mend that, then upgrade again`,
    details: { copies },
  };
};

export const nobodyLeft = ({ excluded }: UpgradeContext): Reason => ({
  code: "peers-missing",
  message: `every agent that this upgrade was for was forgotten: ${excluded.join(", ")}`,
  details: { excluded },
});

export const readinessTooLate = (context: UpgradeContext): Reason =>
  timeout("not every required agent was ready on the new version in time", {
    missing: missing(context, (agent) => context.ready[agent] !== undefined),
    gatesShut: context.gatesShut,
  });

export const backupTooLate = (context: UpgradeContext): Reason =>
  timeout("backup and rehearsal did not end in time", {
    missing: missing(context, (agent) => context.copies[agent] !== undefined),
  });

export const noProgress = (): Reason =>
  timeout("the schema migration committed no batch in time", {});

export const peersTooLate = (context: UpgradeContext): Reason =>
  timeout("not every required agent finished its local steps in time", {
    missing: missing(context, (agent) => context.voted.includes(agent)),
  });
