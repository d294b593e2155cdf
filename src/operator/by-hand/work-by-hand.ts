import { isLockstepError } from "../../errors.ts";
import type { Control } from "../../leadership/fences.ts";
import { controlOf } from "../../leadership/fences.ts";
import { requireMajorityWrite } from "../../leadership/majority-write.ts";
import { limits } from "../../limits.ts";
import type { Work } from "../../mongo/requirements/needed-rights.ts";
import { type Clock, systemClock } from "../../ports/clock.ts";
import { requireDeclared } from "../declared.ts";
import { type OpenFleet, openFleet } from "../open-fleet.ts";

/** The options of work that a command does itself, beside the agents. */
export interface HandOptions {
  readonly mongoUrl: string;
  readonly fleet?: string | undefined;
  /** The time to wait for the database and for a majority, in milliseconds. */
  readonly timeoutMs?: number | undefined;
  readonly signal: AbortSignal;
  /** Gets what the operator should know, such as rights without which the work goes on less well. */
  onNotice(text: string): void;
}

interface Intent {
  readonly work?: Work;
  /** The database in which the work is done. Default: the application's. */
  readonly target?: string;
  /** True for work that writes nothing. It also runs where no majority acknowledges a write. */
  readonly isReading?: boolean;
  /** True for work that asks for the fleet's version. A fleet without one is refused before anything is written. */
  readonly needsVersion?: boolean;
}

/** Fails once no majority acknowledges a write any more: the work would wait for one for ever. */
async function failWithoutMajority(
  control: Control,
  clock: Clock,
  timeoutMs: number,
  over: AbortSignal,
): Promise<never> {
  while (!over.aborted) {
    await clock.sleep(limits.majorityWatchMs, over);
    if (over.aborted) break;
    try {
      await requireMajorityWrite(control, timeoutMs);
    } catch (error) {
      // The work's own writes judge anything else, as a primary that steps down.
      if (isLockstepError(error, "no-majority")) throw error;
    }
  }
  return new Promise<never>(() => {});
}

/**
 * Opens a fleet for one piece of work by hand and closes it whatever happens.
 * @throws LockstepError `rights-missing`, `no-majority`, `database-unreachable`, `not-a-replica-set`, `bad-argument`
 */
export async function workByHand<Result>(
  { mongoUrl, fleet, timeoutMs, onNotice }: HandOptions,
  { work, target, isReading = false, needsVersion = false }: Intent,
  act: (fleet: OpenFleet) => Promise<Result>,
): Promise<Result> {
  const writeTimeoutMs = timeoutMs ?? limits.majorityLateMs;
  const open = await openFleet({
    ...{ mongoUrl, fleet, appName: "lockstep:backup", clock: systemClock, work, target },
    ...{ writeTimeoutMs, serverSelectionTimeoutMs: timeoutMs, onNotice },
  });
  const over = new AbortController();
  try {
    if (needsVersion) await requireDeclared(open);
    if (isReading) return await act(open);
    const control = controlOf(open);
    await requireMajorityWrite(control, timeoutMs ?? limits.majorityAnswerMs);
    const acting = act(open);
    // Where the watch fails, the rest of the work fails with the closed client.
    acting.catch(() => {});
    return await Promise.race([
      acting,
      failWithoutMajority(control, open.clock, writeTimeoutMs, over.signal),
    ]);
  } finally {
    over.abort();
    await open.close();
  }
}
