import { LockstepError } from "../../../errors.ts";
import { limits } from "../../../limits.ts";
import type { Log } from "../../../log.ts";
import type { Clock } from "../../../ports/clock.ts";
import { linkController } from "../../../ports/waiting/linked-controller.ts";
import type { WorkContext } from "../../definition/durable.ts";
import type { WorkRecord } from "../../journal/entry.ts";
import type { Settled } from "../../system/xstate/stub-logic.ts";
import type { HeldTransaction } from "./held-transaction.ts";
import type { WorkHost, WorkPolicy, WorkResult } from "./run-work.ts";

/** Work that is being attempted. */
export interface Attempting {
  readonly work: WorkRecord;
  readonly actor: string;
  readonly policy: WorkPolicy;
  readonly host: WorkHost;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** Runs the work once. It ends with a result also where the work never answers, once its time is over. */
export async function runAttempt(
  { work, actor, policy, host, log, signal: outer }: Attempting,
  attempt: number,
  input: unknown,
): Promise<WorkResult> {
  outer.throwIfAborted();
  const { controller, unlink } = linkController([outer]);
  const { signal } = controller;
  let isOver = false;
  let hasTransaction = false;
  let open: HeldTransaction | null = null;
  let beats = 0;
  const context: WorkContext = {
    ...{ id: work.id, actor, attempt, fence: host.fence, signal, log },
    heartbeat: () => {
      beats += 1;
    },
    async transaction(act) {
      signal.throwIfAborted();
      if (hasTransaction || isOver) {
        throw new LockstepError(
          "wrong-state",
          `expected one transaction an attempt, while it runs; "${work.name}" asks for another: do all writes in one`,
        );
      }
      hasTransaction = true;
      const opened = await host.openTransaction(act, signal);
      if (isOver || signal.aborted) {
        // Nobody would end it.
        await opened.open.abort();
        throw signal.reason ?? new LockstepError("aborted", "the attempt has ended");
      }
      open = opened.open;
      return opened.result;
    },
  };
  const answered = run(policy, input, context);
  const over = new Promise<Settled>((resolve) => {
    signal.addEventListener("abort", () => resolve({ kind: "error", error: signal.reason }), {
      once: true,
    });
  });
  const watch = new AbortController();
  void watchTime(policy, host.clock, () => beats, watch.signal, controller);
  const settled = await Promise.race([answered, over]);
  watch.abort();
  // A successor never runs beside it, unless it ignores its signal.
  const isOut = signal.aborted && !(await hasEnded(answered, host.clock));
  if (isOut) log.warn({ attempt }, "the work ignores its signal: nobody waits for it any longer");
  unlink();
  isOver = true;
  if (settled.kind === "error") {
    controller.abort(settled.error);
    await (open as HeldTransaction | null)?.abort();
    return { settled, transaction: null };
  }
  return { settled, transaction: open };
}

/** Waits for work whose signal has aborted. False where it has not ended within the grace. */
async function hasEnded(answered: Promise<unknown>, clock: Clock): Promise<boolean> {
  const woken = new AbortController();
  let ended = false;
  const finish = answered.then(() => {
    ended = true;
    woken.abort();
  });
  await Promise.race([finish, clock.sleep(limits.workStopGraceMs, woken.signal)]);
  return ended;
}

async function run(policy: WorkPolicy, input: unknown, context: WorkContext): Promise<Settled> {
  try {
    return { kind: "done", output: await policy.run(input, context) };
  } catch (error) {
    return { kind: "error", error };
  }
}

/** Ends an attempt that takes too long, or that does not report that it is alive. */
async function watchTime(
  { timeoutMs, heartbeatMs }: WorkPolicy,
  clock: Clock,
  beats: () => number,
  signal: AbortSignal,
  attempt: AbortController,
): Promise<void> {
  const startMs = clock.monotonicMs();
  if (timeoutMs === null && heartbeatMs === null) return;
  for (let seen = beats(), beatMs = startMs; !signal.aborted; ) {
    const nowMs = clock.monotonicMs();
    if (beats() !== seen) [seen, beatMs] = [beats(), nowMs];
    const leftMs = startMs + (timeoutMs ?? Number.POSITIVE_INFINITY) - nowMs;
    const silentMs = beatMs + (heartbeatMs ?? Number.POSITIVE_INFINITY) - nowMs;
    if (leftMs > 0 && silentMs > 0) {
      // A sleep may end early: the clock decides.
      await clock.sleep(Math.min(leftMs, silentMs), signal);
      continue;
    }
    const within =
      leftMs <= 0 ? `its time of ${timeoutMs} ms` : `a heartbeat within ${heartbeatMs} ms`;
    attempt.abort(new LockstepError("timeout", `expected an answer within ${within}, found none`));
    return;
  }
}
