import { LockstepError, reasonOf } from "../../errors.ts";
import { limits } from "../../limits.ts";
import type { Clock } from "../../ports/clock.ts";
import { linkController } from "../../ports/linked-controller.ts";
import type { SchemaRunOptions } from "./runner.ts";
import { runSchemaSteps, type StepsResult } from "./schema-steps.ts";

function noProgress(step: string, noProgressMs: number): StepsResult {
  const error = new LockstepError(
    "timeout",
    `schema step "${step}" committed no batch and ended no operation within ${noProgressMs / 1_000} s of its rehearsal: mend the step, or allow it more time with --deadline no-progress=SECONDS`,
    { step, noProgressMs },
  );
  return { kind: "failed", reason: reasonOf(error) };
}

/**
 * Runs schema steps on a copy, and gives them up when they commit nothing for too long. A step that ignores its
 * signal is left behind after a grace: it reaches nothing but the copy, and each of its operations is refused from
 * then on. (On the live data the coordinator's durable deadline ends such a step, since a restore must not overlap it.)
 */
export async function runStepsWithDeadline(
  options: SchemaRunOptions,
  noProgressMs: number,
  clock: Clock,
): Promise<StepsResult> {
  const stops = [options.signal, options.mastership.signal];
  const stopping = linkController(stops);
  const settled = new AbortController();
  const waking = linkController([stopping.controller.signal, settled.signal]);
  let step = options.steps[0]?.name ?? "";
  let movedAtMs = clock.monotonicMs();
  const running = runSchemaSteps({
    ...options,
    signal: stopping.controller.signal,
    onProgress: (progress) => {
      step = progress.stepName;
      movedAtMs = clock.monotonicMs();
    },
  }).finally(() => settled.abort());
  let failed: StepsResult | null = null;
  const watch = async (): Promise<void> => {
    while (!waking.controller.signal.aborted) {
      const leftMs = movedAtMs + noProgressMs - clock.monotonicMs();
      if (leftMs > 0) {
        await clock.sleep(leftMs, waking.controller.signal);
        continue;
      }
      failed = noProgress(step, noProgressMs);
      const words = "the step has committed nothing for too long";
      stopping.controller.abort(new LockstepError("aborted", words));
    }
    await clock.sleep(limits.effectStopGraceMs, settled.signal);
  };
  // Its end is asked for below, unless the step is left behind.
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
