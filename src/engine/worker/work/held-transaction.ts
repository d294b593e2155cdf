import type { ClientSession } from "mongodb";
import { LockstepError } from "../../../errors.ts";
import { ActGivenUp, type EngineStore } from "../../journal/store.ts";

/** A transaction that waits for the record of its attempt's result. */
export interface HeldTransaction {
  readonly session: ClientSession;
  /** @throws LockstepError `conflict` where it was taken back, so that the attempt has to run again */
  commit(): Promise<void>;
  abort(): Promise<void>;
}

/** Ends a held transaction that its attempt gives up. */
class GivenUp extends Error {}

/** Waits for an act until the signal aborts: an act that never ends must not keep its transaction open. */
async function unlessAborted<Result>(
  act: () => Promise<Result>,
  signal: AbortSignal,
): Promise<Result> {
  if (signal.aborted) throw new GivenUp();
  const running = act();
  let giveUp = () => {};
  const aborted = new Promise<never>((_, reject) => {
    giveUp = () => reject(new ActGivenUp(running, signal.reason));
  });
  signal.addEventListener("abort", giveUp, { once: true });
  try {
    return await Promise.race([running, aborted]);
  } finally {
    signal.removeEventListener("abort", giveUp);
  }
}

/**
 * Runs the act in a transaction, and holds it open until `commit` or `abort`.
 * @param signal ends the transaction of an act that has not ended
 */
export async function holdTransaction<Result>(
  store: Pick<EngineStore, "transact">,
  act: (session: ClientSession) => Promise<Result>,
  signal: AbortSignal,
): Promise<{ readonly open: HeldTransaction; readonly result: Result }> {
  let decide: (isCommitted: boolean) => void = () => {};
  const decided = new Promise<boolean>((resolve) => {
    decide = resolve;
  });
  let isHeld = false;
  let ended: Promise<void> = Promise.resolve();
  const begun = new Promise<{ session: ClientSession; result: Result }>((resolve, reject) => {
    ended = store.transact(async (session) => {
      // The act runs again after a conflict, but no more once the attempt has gone on with its result.
      if (isHeld) throw lost();
      const result = await unlessAborted(() => act(session as ClientSession), signal);
      isHeld = true;
      resolve({ session: session as ClientSession, result });
      if (!(await decided)) throw new GivenUp();
    });
    ended.catch(reject);
  });
  const { session, result } = await begun;
  const end = (isCommitted: boolean) => {
    decide(isCommitted);
    return ended.catch((error: unknown) => {
      if (!(error instanceof GivenUp)) throw error;
      if (isCommitted) throw lost();
    });
  };
  return {
    result,
    open: { session, commit: () => end(true), abort: () => end(false).catch(() => {}) },
  };
}

function lost(): LockstepError {
  return new LockstepError(
    "conflict",
    "expected to commit what an attempt wrote, found that another transaction wrote the same documents first: the attempt runs again",
  );
}
