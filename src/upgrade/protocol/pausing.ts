import type { UpgradeContext, UpgradeEvent } from "../../../machines/upgrade-context.ts";
import { LockstepError } from "../../errors.ts";
import { timeSpan } from "../../time-span.ts";
import type { ActorView } from "./derive.ts";

/** The answer to an operator who asks for a pause or its end, and the event that makes it true; null where it is true already. */
export interface PauseDecision {
  readonly event: UpgradeEvent | null;
  readonly message: string;
}

const wrongState = (message: string) => new LockstepError("wrong-state", message);

/** The states before the migration. A pause that is asked for in them begins before the first batch. */
const beforeMigration: readonly string[] = ["waiting", "backing-up", "rehearsing"];

/** The states in which no pause can begin, and what an operator can do there. */
const whyNot: Readonly<Record<string, string>> = {
  "awaiting-peers":
    "the schema steps are done, and the local steps of agents have no point to pause at: let it end, or turn it back with `lockstep abort`",
  "rolling-back": "the way back is not paused, as every gate waits for its end: let it end",
  blocked: "it stands still already: mend the cause, then `lockstep retry`",
};

/**
 * Decides on a request to pause. Pure.
 * @throws LockstepError `wrong-state`
 */
export function decidePause(
  { state, context }: ActorView<UpgradeContext>,
  why: string,
): PauseDecision {
  const reason = whyNot[state];
  if (reason !== undefined) {
    throw wrongState(`expected an upgrade that can be paused, it is ${state}: ${reason}`);
  }
  if (state === "paused") {
    return {
      event: null,
      message: "it is paused already, and its deadline stays: `lockstep status` shows it",
    };
  }
  const until = `all gates stay shut meanwhile, and unless \`lockstep resume\` comes within ${timeSpan(context.deadlines.pausedMs)} of its beginning, the fleet turns back`;
  const when = beforeMigration.includes(state)
    ? "it pauses before the first batch of its schema steps (without schema steps it does not pause)"
    : "it pauses after the batch or the definition under way";
  const event = { type: "pauseRequested", why } as const;
  return { event: context.pause === null ? event : null, message: `${when}: ${until}` };
}

/** The command that pauses an upgrade, or ends its pause; null where neither has a place. Pure. */
export function pauseCommand(
  state: string,
  { pause }: Pick<UpgradeContext, "pause">,
): "lockstep pause" | "lockstep resume" | null {
  const isPausable = state === "paused" || state === "migrating" || beforeMigration.includes(state);
  if (!isPausable) return null;
  return pause === null ? "lockstep pause" : "lockstep resume";
}

/**
 * Decides on a request to resume. One that comes before the pause has begun withdraws it. Pure.
 * @throws LockstepError `wrong-state`
 */
export function decideResume({ state, context }: ActorView<UpgradeContext>): PauseDecision {
  if (pauseCommand(state, context) !== "lockstep resume") {
    throw wrongState(`expected an upgrade that is paused, it is ${state}: nothing to resume`);
  }
  const message =
    state === "paused" ? "the migration goes on" : "the pause is withdrawn before it has begun";
  return { event: { type: "resumeRequested" }, message };
}
