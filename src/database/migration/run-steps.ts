import type { StepFigures } from "../../../machines/upgrade-context.ts";
import { isLockstepError, isPassing, LockstepError, messageOf, type Reason } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { asUnreachable, isNetworkTrouble } from "../../mongo/transient.ts";
import type { OperationFigures } from "./estimate.ts";
import { firstProgress, type Progress } from "./progress.ts";
import {
  type RunnerOf,
  type StepsRun,
  type StepToRun,
  shownNext,
  startedByAfterCommit,
} from "./runner.ts";
import type { SchemaContext } from "./schema-context.ts";

/** The port of a run to its database, for the order of its steps. */
export interface StepsDatabase<Options extends StepsRun> {
  /** A rehearsal begins on a fresh copy each time. */
  readonly isRehearsal: boolean;
  /** The durable progress of an upgrade, or undefined before its first step has begun. */
  readProgress(upgradeId: string): Promise<Progress | undefined>;
  /** Writes a change of the progress at the run's epoch, and notes it in the runner. */
  moveProgress(runner: RunnerOf<Options>, name: string, change: Partial<Progress>): Promise<void>;
  /** @throws LockstepError `fenced` once a successor has raised the fence */
  refuseDeposed(options: Options): Promise<void>;
  /** @param track holds the operations that have not ended yet */
  contextOf(runner: RunnerOf<Options>, step: string, track: Set<Promise<void>>): SchemaContext;
}

/** The figures of one schema step, and those of each operation in it. */
export interface MeasuredStep extends StepFigures {
  readonly operations: readonly OperationFigures[];
}

/** The end of schema steps. */
export type StepsEnd =
  | {
      readonly kind: "done";
      readonly batches: number;
      readonly documents: number;
      /** The figures of each step that this process ran. */
      readonly figures: readonly MeasuredStep[];
    }
  | { readonly kind: "failed"; readonly reason: Reason };

/** The outcome of one run: the end of the steps, or a safe point at which it has stopped, as it was asked to. */
export type StepsResult = StepsEnd | { readonly kind: "paused" };

function failed(step: string, thrown: unknown): StepsEnd {
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

/**
 * Counts the attempts of a step. Two deaths with no committed batch in between fail a step that kills its process.
 */
async function countAttempt<Options extends StepsRun>(
  runner: RunnerOf<Options>,
  database: StepsDatabase<Options>,
): Promise<LockstepError | null> {
  const { options, progress } = runner;
  const others = progress.startedBy.filter((holder) => holder !== options.holder);
  const dead: string[] = [];
  for (const holder of others) if (await options.isDead(holder)) dead.push(holder);
  if (dead.length >= limits.stepDeathsMax) {
    return new LockstepError(
      "step-kills-process",
      `${dead.length} processes died in it with no batch committed in between: correct the step`,
      { dead },
    );
  }
  await database.moveProgress(runner, "attempt", { startedBy: [...others, options.holder] });
  return null;
}

/** The figures of a step that has ended now. */
function measuredStep<Options extends StepsRun>(
  { options, progress, changed, operations, loadingMs }: RunnerOf<Options>,
  step: string,
  startMs: number,
  batchesBefore: number,
): MeasuredStep {
  return {
    step,
    // On the live data nothing is loaded.
    durationMs: Math.round(options.clock.monotonicMs() - startMs - loadingMs),
    documents: changed,
    batches: progress.batches - batchesBefore,
    operations,
  };
}

/** Leaves the step at a safe point. A process that dies later has not died in it. */
async function leaveForPause<Options extends StepsRun>(
  runner: RunnerOf<Options>,
  database: StepsDatabase<Options>,
): Promise<StepsResult> {
  const { startedBy } = runner.progress;
  const others = startedBy.filter((holder) => holder !== runner.options.holder);
  if (others.length < startedBy.length) {
    await database.moveProgress(runner, "step-pause", { startedBy: others });
  }
  return { kind: "paused" };
}

/** Runs one step, from where it stopped. Answers with the reason to go no further, or null where it has ended. */
async function runStep<Options extends StepsRun>(
  runner: RunnerOf<Options>,
  database: StepsDatabase<Options>,
  step: StepToRun,
): Promise<StepsResult | null> {
  const { options } = runner;
  const track = new Set<Promise<void>>();
  try {
    const verdict = await countAttempt(runner, database);
    if (verdict) return failed(step.name, verdict);
    // The step is awaited also after its signal: a restore must not overlap it. The engine ends a process whose
    // step ignores the signal.
    await step.run(database.contextOf(runner, step.name, track));
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
    if (runner.isPaused && !aborted) return null;
    if (aborted || isPassing(error)) throw error;
    // Network trouble says nothing about the step.
    if (isNetworkTrouble(error)) throw asUnreachable(error);
    await database.refuseDeposed(options);
    return failed(step.name, error);
  } finally {
    // A step that was left at a safe point may not have awaited all of its operations.
    if (runner.isPaused) await Promise.allSettled([...track]);
  }
  return null;
}

/**
 * Runs the schema steps on one database, or continues where a predecessor stopped. A failed step is a result.
 * @throws LockstepError `fenced`, `lease-lost`, `database-unreachable`: never a failed step
 */
export async function runSteps<Options extends StepsRun>(
  options: Options,
  database: StepsDatabase<Options>,
): Promise<StepsResult> {
  const { steps, upgradeId } = options;
  const first = steps[0];
  if (first === undefined) return { kind: "done", batches: 0, documents: 0, figures: [] };
  const found = await database.readProgress(upgradeId);
  const start = firstProgress(upgradeId, first.name);
  // A rehearsal begins on a fresh copy each time. Only the processes that died in it are remembered.
  const again = database.isRehearsal && found ? { ...start, startedBy: found.startedBy } : found;
  const runner: RunnerOf<Options> = {
    options,
    progress: again ?? start,
    movedAtMs: options.clock.monotonicMs(),
    operations: [],
    changed: 0,
    addedFiles: 0,
    loadingMs: 0,
    isPaused: false,
  };
  options.log.info(
    { step: runner.progress.stepName, batches: runner.progress.batches, resumed: Boolean(found) },
    "schema steps",
  );
  const figures: MeasuredStep[] = [];
  while (!runner.progress.finished) {
    const { step: index, ...before } = runner.progress;
    const startMs = options.clock.monotonicMs();
    runner.operations = [];
    runner.changed = 0;
    runner.loadingMs = 0;
    const step = steps[index] as (typeof steps)[number];
    runner.isPaused = options.isPauseAsked?.() ?? false;
    const stopped = runner.isPaused ? null : await runStep(runner, database, step);
    if (stopped) return stopped;
    if (runner.isPaused) return leaveForPause(runner, database);
    const measured = measuredStep(runner, step.name, startMs, before.batches);
    figures.push(measured);
    options.onStep?.(measured);
    const nextStep = steps[index + 1];
    await database.moveProgress(runner, "step-end", {
      step: index + 1,
      stepName: nextStep?.name ?? step.name,
      operation: 0,
      kind: null,
      target: null,
      cursor: null,
      startedBy: startedByAfterCommit(runner, database.isRehearsal),
      finished: nextStep === undefined,
      shown: shownNext(runner, {
        stepName: nextStep?.name ?? step.name,
        finished: nextStep === undefined,
      }),
    });
  }
  const { batches, documents } = runner.progress;
  return { kind: "done", batches, documents, figures };
}
