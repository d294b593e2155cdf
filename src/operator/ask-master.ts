import {
  type Answer,
  type FleetRequest,
  fileRequest,
  readAnswer,
  withdrawal,
  withdrawWrite,
} from "../control/inbox.ts";
import { isAway, isLockstepError, LockstepError } from "../errors.ts";
import type { Store } from "../journal/store.ts";
import { limits } from "../limits.ts";
import type { Clock } from "../ports/clock.ts";

/** A request that a master has accepted. */
export type Accepted = Answer & { readonly ok: true };

/** The means of a request to the master. */
export interface Asking {
  readonly store: Store;
  readonly clock: Clock;
  /** The time to wait for the answer, in milliseconds. */
  readonly waitMs: number;
  readonly signal: AbortSignal | undefined;
}

/** Reads, or returns undefined while the database is away: the work goes on then, and so does the wait for it. */
export async function undefinedIfUnreachable<Result>(
  read: () => Promise<Result>,
): Promise<Result | undefined> {
  try {
    return await read();
  } catch (error) {
    if (isAway(error)) return undefined;
    throw error;
  }
}

/** The answer to a request, or undefined while there is none. Throws a refusal. */
function requireOk(answer: Answer | null | undefined): Accepted | undefined {
  if (answer === null || answer === undefined || answer.ok) return answer ?? undefined;
  throw new LockstepError(answer.code, answer.message, answer.details);
}

/** Adds to an error that nobody knows whether a master serves the request. */
async function withOpenOutcome<Result>(id: string, act: () => Promise<Result>): Promise<Result> {
  try {
    return await act();
  } catch (error) {
    if (!isAway(error)) throw error;
    const message = `nobody knows whether a master has begun with the request: see \`lockstep status\`; ${error.message}`;
    const details = { ...error.details, request: id };
    throw new LockstepError(error.code, message, details, { cause: error });
  }
}

/** Withdraws a request, or returns the answer that came first. */
async function withdraw({ store }: Asking, id: string): Promise<Accepted | undefined> {
  if ((await store.write([withdrawWrite(id)])) === null) return undefined;
  const answer = requireOk(await readAnswer(store, id));
  if (answer) return answer;
  throw new LockstepError(
    "timeout",
    "a master has begun with the request and has not answered yet: see `lockstep status`",
    { request: id },
  );
}

/** Files a request. Where many wait already, it tries again: a master serves them within seconds. */
async function fileWhenThereIsRoom(
  { store, clock, waitMs, signal }: Asking,
  id: string,
  wanted: FleetRequest,
  endMs: number,
): Promise<void> {
  for (;;) {
    try {
      return await fileRequest(store, id, wanted, waitMs);
    } catch (error) {
      const isOver = clock.monotonicMs() >= endMs || signal?.aborted;
      if (isOver || !isLockstepError(error, "too-many-requests")) throw error;
      await clock.sleep(limits.leaseAcquirePollMs, signal);
    }
  }
}

/**
 * Files a request under a new id and waits for the master's answer. It withdraws the request when the wait ends
 * without one.
 * @throws LockstepError `no-master`, `no-majority`, `database-unreachable`, and the master's refusal
 */
export async function askMaster(
  asking: Asking,
  id: string,
  wanted: FleetRequest,
): Promise<Accepted> {
  const { store, clock, waitMs, signal } = asking;
  const endMs = clock.monotonicMs() + waitMs;
  await withOpenOutcome(id, () => fileWhenThereIsRoom(asking, id, wanted, endMs));
  while (clock.monotonicMs() < endMs && !signal?.aborted) {
    const answer = requireOk(await undefinedIfUnreachable(() => readAnswer(store, id)));
    if (answer) return answer;
    await clock.sleep(limits.leaseAcquirePollMs, signal);
  }
  const late = await withOpenOutcome(id, () => withdraw(asking, id));
  if (late) return late;
  signal?.throwIfAborted();
  throw new LockstepError(withdrawal.code, withdrawal.message, { request: id });
}
