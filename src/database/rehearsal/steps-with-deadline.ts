import { LockstepError, reasonOf } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { linkController } from "../../ports/waiting/linked-controller.ts";
import type { StepsResult } from "../migration/run-steps.ts";
import type { Reach, StepsRun } from "../migration/runner.ts";

function noProgress(step: string, noProgressMs: number): StepsResult {
  const error = new LockstepError(
    "timeout",
    `schema step "${step}" committed no batch and ended no operation within ${noProgressMs / 1_000} s of its rehearsal: make the step faster, or allow it more time with --deadline no-progress=SECONDS`,
    { step, noProgressMs },
  );
  return { kind: "failed", reason: reasonOf(error) };
}

/**
 * Runs schema steps on a copy, and ends them when they commit nothing for too long. After a grace it goes on without
 * a step that ignores its signal: the step reaches only the copy, and each of its operations is refused from then on.
 * (On the live data the coordinator's durable deadline ends such a step, since a restore must not overlap it.)
 */
export async function runStepsWithDeadline<Options extends StepsRun>(
  options: Options,
  noProgressMs: number,
  runSteps: (options: Options) => Promise<StepsResult>,
): Promise<StepsResult> {
  const { clock } = options;
  const stops = [options.signal, options.mastership.signal];
  const stopping = linkController(stops);
  const settled = new AbortController();
  const waking = linkController([stopping.controller.signal, settled.signal]);
  let step = options.steps[0]?.name ?? "";
  let movedAtMs = clock.monotonicMs();
  let loads = 0;
  const { load } = options;
  // Loading is no work of the step, and has a deadline of its own.
  const loadUncounted = async (reach: Reach): Promise<void> => {
    loads += 1;
    try {
      await load?.(reach);
    } finally {
      loads -= 1;
      movedAtMs = clock.monotonicMs();
    }
  };
  const running = runSteps({
    ...options,
    ...(load ? { load: loadUncounted } : {}),
    signal: stopping.controller.signal,
    onProgress: (progress) => {
      step = progress.stepName;
      movedAtMs = clock.monotonicMs();
    },
  }).finally(() => settled.abort());
  let failed: StepsResult | null = null;
  const watch = async (): Promise<void> => {
    while (!waking.controller.signal.aborted) {
      const leftMs = loads > 0 ? noProgressMs : movedAtMs + noProgressMs - clock.monotonicMs();
      if (leftMs > 0) {
        await clock.sleep(leftMs, waking.controller.signal);
        continue;
      }
      failed = noProgress(step, noProgressMs);
      const words = "the step has committed no batch for too long";
      stopping.controller.abort(new LockstepError("aborted", words));
    }
    await clock.sleep(limits.effectStopGraceMs, settled.signal);
  };
  // The code below asks for its end, unless it goes on without the step.
  const quietly = running.then(
    () => {},
    () => {},
  );
  try {
    await Promise.race([watch(), quietly]);
    if (failed) return failed;
    if (!settled.signal.aborted) for (const signal of stops) signal.throwIfAborted();
    return await running;
  } finally {
    waking.unlink();
    stopping.unlink();
  }
}
