import { isLockstepError, isPassing, LockstepError, messageOf } from "../../errors.ts";
import { refuseDeposed } from "../../leadership/fenced-transaction.ts";
import { limits } from "../../limits.ts";
import { asUnreachable, isNetworkTrouble } from "../../mongo/transient.ts";
import type { OperationFigures } from "./estimate.ts";
import { firstProgress, readProgress } from "./progress.ts";
import {
  moveProgress,
  type Runner,
  type SchemaRunOptions,
  startedByAfterCommit,
} from "./runner.ts";
import { schemaContextOf } from "./step-context.ts";

export interface StepReason {
  readonly code: string;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
}

export interface StepFigures {
  readonly step: string;
  readonly durationMs: number;
  readonly documents: number;
  readonly batches: number;
  readonly operations: readonly OperationFigures[];
}

export type StepsResult =
  | {
      readonly kind: "done";
      readonly batches: number;
      readonly documents: number;
      /** What each step that this process ran has taken: what a rehearsal is measured by. */
      readonly figures: readonly StepFigures[];
    }
  | { readonly kind: "failed"; readonly reason: StepReason };

function failed(step: string, thrown: unknown): StepsResult {
  const error = asUnreachable(thrown);
  const known = isLockstepError(error);
  // The step is not to blame for a right that its user lacks.
  const prefix = isLockstepError(error, "rights-missing") ? "" : `schema step "${step}": `;
  return {
    kind: "failed",
    reason: {
      code: known ? error.code : "step-failed",
      message: `${prefix}${messageOf(error)}`,
      details: { step, ...(known ? error.details : {}) },
    },
  };
}

/** A step that kills its process is a verdict: two deaths with no committed batch in between. */
async function countAttempt(runner: Runner): Promise<LockstepError | null> {
  const { options, progress } = runner;
  const others = progress.startedBy.filter((holder) => holder !== options.holder);
  const dead: string[] = [];
  for (const holder of others) if (await options.isDead(holder)) dead.push(holder);
  if (dead.length >= limits.stepDeathsMax) {
    return new LockstepError(
      "step-kills-process",
      `${dead.length} processes died in it with no batch committed in between: mend the step`,
      { dead },
    );
  }
  await moveProgress(runner, "attempt", { startedBy: [...others, options.holder] });
  return null;
}

/**
 * Runs the schema steps on one database, or goes on where a predecessor stopped.
 * A failed step is a result.
 * @throws LockstepError `fenced`, `lease-lost`, `database-unreachable`: never a failed step
 */
export async function runSchemaSteps(options: SchemaRunOptions): Promise<StepsResult> {
  const { steps, upgrade, progressField, control } = options;
  const first = steps[0];
  if (first === undefined) return { kind: "done", batches: 0, documents: 0, figures: [] };
  const rehearsal = progressField === "rehearsal";
  const found = await readProgress(control, progressField, upgrade);
  const start = firstProgress(upgrade, first.name);
  // A rehearsal begins on a fresh copy each time; only who died in it is remembered.
  const again = rehearsal && found ? { ...start, startedBy: found.startedBy } : found;
  const runner: Runner = { options, progress: again ?? start, operations: [], changed: 0 };
  options.log.info(
    { step: runner.progress.stepName, batches: runner.progress.batches, resumed: Boolean(found) },
    "schema steps",
  );
  const figures: StepFigures[] = [];
  while (!runner.progress.finished) {
    const { step: index, ...before } = runner.progress;
    const startMs = options.clock.monotonicMs();
    runner.operations = [];
    runner.changed = 0;
    const step = steps[index] as (typeof steps)[number];
    try {
      const verdict = await countAttempt(runner);
      if (verdict) return failed(step.name, verdict);
      const track = new Set<Promise<void>>();
      const context = schemaContextOf(runner, step.name, track);
      // Waited for also after it was told to stop: nobody restores what somebody still changes. One
      // that ignores its signal is the engine's business: its process has to leave.
      await step.run(context);
      options.signal.throwIfAborted();
      options.mastership.signal.throwIfAborted();
      if (track.size > 0) {
        await Promise.allSettled([...track]);
        throw new LockstepError(
          "step-not-deterministic",
          "the step ended before its operations did: await each of them",
        );
      }
    } catch (error) {
      const aborted = options.signal.aborted || options.mastership.signal.aborted;
      if (aborted || isPassing(error)) throw error;
      // Trouble on the way to the database says nothing about the step.
      if (isNetworkTrouble(error)) throw asUnreachable(error);
      await refuseDeposed(options);
      return failed(step.name, error);
    }
    figures.push({
      step: step.name,
      durationMs: Math.round(options.clock.monotonicMs() - startMs),
      documents: runner.changed,
      batches: runner.progress.batches - before.batches,
      operations: runner.operations,
    });
    const nextStep = steps[index + 1];
    await moveProgress(runner, "step-end", {
      step: index + 1,
      stepName: nextStep?.name ?? step.name,
      operation: 0,
      kind: null,
      target: null,
      cursor: null,
      startedBy: startedByAfterCommit(runner),
      finished: nextStep === undefined,
    });
  }
  const { batches, documents } = runner.progress;
  return { kind: "done", batches, documents, figures };
}
