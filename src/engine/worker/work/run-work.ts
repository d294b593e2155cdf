import type { ClientSession } from "mongodb";
import { cutTo, isPassing, LockstepError, messageOf } from "../../../errors.ts";
import { limits } from "../../../limits.ts";
import type { Log } from "../../../log.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { Tracing } from "../../../ports/tracing/tracing.ts";
import { linkController } from "../../../ports/waiting/linked-controller.ts";
import type { WorkContext } from "../../definition/durable.ts";
import { pauseAfter } from "../../definition/durations.ts";
import type { WorkRecord } from "../../journal/entry.ts";
import type { WorkAttempt } from "../../journal/store.ts";
import type { Settled } from "../../system/xstate/stub-logic.ts";
import type { HeldTransaction } from "./held-transaction.ts";
import { type Attempting, runAttempt } from "./run-attempt.ts";
import { tracedAttempt } from "./trace-attempt.ts";

/** The policy by which work is done and tried again. */
export interface WorkPolicy {
  readonly run: (input: unknown, context: WorkContext) => Promise<unknown>;
  readonly attemptsMax: number;
  readonly backoffMs: { readonly first: number; readonly longest: number };
  readonly retryable: (error: unknown) => boolean;
  readonly timeoutMs: number | null;
  readonly heartbeatMs: number | null;
}

/** The end of one attempt. A transaction that the attempt has begun commits with the record of the result. */
export interface WorkResult {
  readonly settled: Settled;
  readonly transaction: HeldTransaction | null;
}

/** The ports of the run of work. */
export interface WorkHost {
  readonly clock: Clock;
  readonly log: Log;
  readonly tracing?: Tracing | null | undefined;
  /** Aborts when the worker loses the actor or stops. */
  readonly signals: readonly AbortSignal[];
  /** See `WorkContext.fence`. */
  readonly fence: number;
  /** Begins a transaction, and runs the act in it. The signal ends it while the act has not ended. */
  openTransaction<Result>(
    act: (session: ClientSession) => Promise<Result>,
    signal: AbortSignal,
  ): Promise<{ readonly open: HeldTransaction; readonly result: Result }>;
  nowMs(): Promise<number>;
  /** The attempts that were written down before, or undefined for work that is new. */
  before(): Promise<WorkAttempt | undefined>;
  input(): Promise<unknown>;
  saveAttempt(attempt: WorkAttempt): Promise<void>;
  /** Runs an attempt when it is its turn. The signal ends the wait. */
  inTurn<Result>(act: () => Promise<Result>, signal: AbortSignal): Promise<Result>;
  /** Appends the result. It throws where the result has to be worked out again. */
  record(result: WorkResult): Promise<void>;
}

/** Work that runs in this process. */
export interface Running {
  /** Aborts it. Resolves once it has ended. */
  stop(): Promise<void>;
  readonly ended: Promise<void>;
}

/**
 * Runs work to its result: attempts, pauses, time-outs, heartbeats. The first attempt writes nothing before its result;
 * a failed one is written down, so that another worker counts on.
 */
export function runWork(
  work: WorkRecord,
  actor: string,
  policy: WorkPolicy,
  host: WorkHost,
): Running {
  const { controller, unlink } = linkController(host.signals);
  const log = host.log.child({ actor, work: work.name, workId: work.id });
  const ended = attemptUntilDone({ work, actor, policy, host, log, signal: controller.signal })
    .catch((error: unknown) => {
      if (!controller.signal.aborted) {
        log.error(
          { error: messageOf(error) },
          "an attempt ended unexpectedly: its work stays pending",
        );
      }
    })
    .finally(unlink);
  return {
    ended,
    async stop() {
      controller.abort(new LockstepError("aborted", "the state that asked for this was left"));
      await ended;
    },
  };
}

async function attemptUntilDone(attempting: Attempting): Promise<void> {
  const { policy, host, log, signal } = attempting;
  let count: AttemptCount | null = null;
  let lost = 0;
  while (!signal.aborted) {
    const turn: Turn = await host.inTurn(() => takeTurn(attempting, count), signal);
    count = { attempt: turn.attempt, failures: turn.failures };
    if (turn.result === null) {
      await sleepUntil(attempting, turn.notBeforeMs);
      continue;
    }
    const { result, attempt } = turn;
    if (signal.aborted) {
      await result.transaction?.abort();
      return;
    }
    const { settled } = result;
    if (settled.kind !== "error") {
      const loss = await recorded(attempting, result);
      if (loss === null) return;
      lost += 1;
      log.warn({ attempt, lost, error: messageOf(loss) }, "a result was lost with its transaction");
      const pauses = { first: limits.recordRetryMs, longest: limits.recordRetryMsMax };
      await tryLater(attempting, count, loss, pauseAfter(lost, pauses));
      continue;
    }
    const failures = turn.failures + 1;
    count = { attempt, failures };
    const mayTry = failures < policy.attemptsMax && isRetryable(policy, settled.error);
    log.warn({ attempt, error: messageOf(settled.error), triesAgain: mayTry }, "an attempt failed");
    if (mayTry) {
      const pauseMs = pauseAfter(failures, policy.backoffMs);
      await tryLater(attempting, count, settled.error, pauseMs);
      continue;
    }
    await recorded(attempting, { settled, transaction: null });
    return;
  }
}

/** The attempts so far, and the failed ones among them. */
type AttemptCount = Pick<WorkAttempt, "attempt" | "failures">;

/** The attempts after a turn with the last one's result, or with the time before which none must begin. */
type Turn = AttemptCount &
  ({ readonly result: WorkResult } | { readonly result: null; readonly notBeforeMs: number });

/**
 * One attempt. An earlier worker's attempts are asked for, and the one that it may have begun is counted, only now: work
 * that waits for its turn in one worker after another has not begun.
 */
async function takeTurn(attempting: Attempting, count: AttemptCount | null): Promise<Turn> {
  const { host } = attempting;
  const before: Partial<WorkAttempt> =
    count ?? (await persistently(attempting, () => host.before())) ?? {};
  const { attempt: last = 0, failures = 0, nextAtMs = null } = before;
  if (nextAtMs !== null && nextAtMs > (await persistently(attempting, () => host.nowMs()))) {
    return { attempt: last, failures, result: null, notBeforeMs: nextAtMs };
  }
  const attempt = last + 1;
  const unfinished = last - failures;
  if (unfinished >= limits.unfinishedAttemptsMax) {
    return { attempt, failures, result: neverFinished(unfinished) };
  }
  const input = await persistently(attempting, () => host.input());
  const { work, actor } = attempting;
  const result = await tracedAttempt(host.tracing, work, { actor, attempt }, () =>
    runAttempt(attempting, attempt, input),
  );
  return { attempt, failures, result };
}

/** The result of work that would take one worker after another down with it, or lose its transaction for ever. */
function neverFinished(attempts: number): WorkResult {
  const error = new LockstepError(
    "attempts-lost",
    `expected an attempt to end or to fail, found ${attempts} of which the process died or the transaction was lost: look for them in the logs, and mend the task`,
  );
  return { settled: { kind: "error", error }, transaction: null };
}

/** Writes down that an attempt has not ended its work, and waits until the next one. */
async function tryLater(
  attempting: Attempting,
  { attempt, failures }: Pick<WorkAttempt, "attempt" | "failures">,
  error: unknown,
  pauseMs: number,
): Promise<void> {
  const { work, host } = attempting;
  const nextAtMs = (await persistently(attempting, () => host.nowMs())) + pauseMs;
  const lastError = cutTo(messageOf(error), limits.reasonMessageLengthMax);
  const attempted = { work: work.id, attempt, failures, lastError, nextAtMs };
  await persistently(attempting, () => host.saveAttempt(attempted));
  await sleepUntil(attempting, nextAtMs);
}

/** Appends a result. It returns the error with which its transaction was lost, so that it has to be worked out again. */
function recorded(attempting: Attempting, result: WorkResult): Promise<unknown> {
  return persistently(attempting, async () => {
    try {
      await attempting.host.record(result);
      return null;
    } catch (error) {
      if (result.transaction === null) throw error;
      return error ?? new Error("the transaction was lost");
    }
  });
}

/** Does something again until it succeeds, since nobody else would go on with work that runs here. */
async function persistently<Result>(
  { host, log, signal }: Attempting,
  act: () => Promise<Result>,
): Promise<Result> {
  for (let attempt = 1; ; attempt += 1) {
    signal.throwIfAborted();
    try {
      return await act();
    } catch (error) {
      signal.throwIfAborted();
      const isOut = isPassing(error);
      const longest = isOut ? limits.recordRetryMsMax : limits.workStuckRetryMsMax;
      const pauseMs = pauseAfter(attempt, { first: limits.recordRetryMs, longest });
      const text = messageOf(error);
      if (isOut) log.info({ error: text, pauseMs }, "work waits for the database");
      else log.error({ error: text, pauseMs }, "an act on the database failed, and is tried again");
      await host.clock.sleep(pauseMs, signal);
    }
  }
}

function isRetryable({ retryable }: WorkPolicy, error: unknown): boolean {
  try {
    return retryable(error);
  } catch {
    return true;
  }
}

/** A sleep may end early: the clock decides. */
async function sleepUntil(attempting: Attempting, untilMs: number): Promise<void> {
  const { host, signal } = attempting;
  while (!signal.aborted) {
    const leftMs = untilMs - (await persistently(attempting, () => host.nowMs()));
    if (leftMs <= 0) return;
    await host.clock.sleep(leftMs, signal);
  }
}
