import type { WholeView } from "../../view.ts";

/** A question that stands before a request. */
export interface Confirmation {
  readonly title: string;
  /** The consequence, in a sentence or two. */
  readonly text: string;
  readonly button: string;
  /** The name that has to be typed, or null. */
  readonly type: string | null;
  /** True where a reason may be given. */
  readonly why: boolean;
  readonly request: Readonly<Record<string, string>>;
}

/** The question before an abort, or null where nothing can be aborted. Pure. */
export function abortConfirmation({ upgrade }: WholeView): Confirmation | null {
  if (upgrade?.howToStop !== "lockstep abort") return null;
  const { from, upgradeId } = upgrade;
  return {
    title: `Abort the upgrade to ${upgrade.to}?`,
    text: `The whole fleet goes back to ${from}, on the data of before. The application stays down until it is back.`,
    ...{ button: "Abort the upgrade", type: null, why: true },
    request: { kind: "abort", upgradeId },
  };
}

/** The question before a pause, or before its end; null where there is nothing to pause. Pure. */
export function pauseConfirmation({ upgrade }: WholeView): Confirmation | null {
  if (upgrade === null || upgrade.howToPause === null) return null;
  const { upgradeId, state } = upgrade;
  if (upgrade.howToPause === "lockstep resume") {
    const text =
      state === "paused"
        ? "The migration goes on from the batch at which it stopped."
        : "The pause has not begun yet. It is withdrawn, and the upgrade goes on.";
    return {
      ...{ title: "Resume the upgrade?", text, button: "Resume", type: null, why: false },
      request: { kind: "resume", upgradeId },
    };
  }
  return {
    title: `Pause the upgrade to ${upgrade.to}?`,
    text: "The migration stops between two batches. All gates stay shut: the application stays down, and the time counts. Unless somebody resumes it before its deadline, the fleet turns back.",
    ...{ button: "Pause the upgrade", type: null, why: true },
    request: { kind: "pause", upgradeId },
  };
}

/** The question before a retry, or null where nothing is blocked. Pure. */
export function retryConfirmation({ upgrade, fleet }: WholeView): Confirmation | null {
  if (upgrade?.state !== "blocked") return null;
  const isForeign = upgrade.reason?.code === "foreign-writes";
  const text = isForeign
    ? `What others wrote to "${fleet.database}" since the copies will be saved to a file and taken back.`
    : "The way back goes on from where it stopped. Mend the cause first.";
  return {
    ...{ title: "Go on with the way back?", text, button: "Retry", why: false },
    type: isForeign ? fleet.database : null,
    request: { kind: "retry", upgradeId: upgrade.upgradeId },
  };
}

/** The question before an agent is forgotten. Pure. */
export function forgetConfirmation(agent: string): Confirmation {
  return {
    title: `Forget ${agent}?`,
    text: `${agent} is taken out of the fleet for good, and upgrades go on without it. Do that only where its host never comes back.`,
    ...{ button: `Forget ${agent}`, type: agent, why: false },
    request: { kind: "forget", agent },
  };
}
