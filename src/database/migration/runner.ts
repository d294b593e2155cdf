import type { MongoClient } from "mongodb";
import type { StepFigures } from "../../../machines/upgrade-context.ts";
import { LockstepError } from "../../errors.ts";
import type { ShownProgress } from "../../journal/fence.ts";
import { type Fenced, fencedTransaction } from "../../leadership/fenced-transaction.ts";
import type { Mastership } from "../../leadership/mastership.ts";
import type { Log } from "../../log.ts";
import type { WithMember } from "../../mongo/members.ts";
import type { Clock } from "../../ports/clock.ts";
import type { OperationFigures } from "./estimate.ts";
import type { Progress } from "./progress.ts";
import type { SchemaContext } from "./schema-context.ts";

/** The collections and views that an operation reaches. */
export type Reach = readonly string[] | "all";

/** One step of a run. */
export interface StepToRun {
  readonly name: string;
  /** The collections and views that its transactions use. Default: any. */
  readonly reads?: readonly string[];
  run(context: SchemaContext): Promise<void>;
}

/** One run of schema steps, wherever their database is. */
export interface StepsRun {
  readonly steps: readonly StepToRun[];
  readonly upgradeId: string;
  /** The moment the upgrade was accepted. */
  readonly now: Date;
  /** `<agent>:<incarnation>` of this process. */
  readonly holder: string;
  readonly isDead: (holder: string) => Promise<boolean>;
  /** Gets the progress after each fenced write: of batches, definitions and attempts. */
  readonly onProgress?: (progress: Progress) => void;
  /** Gets the figures of each step that has ended. */
  readonly onStep?: (figures: StepFigures) => void;
  /** True while the run is to stop at its next safe point: between two batches, or before an operation. Default: never. */
  readonly isPauseAsked?: () => boolean;
  /** Loads what an operation reaches, before it begins. Default: all data is there. */
  readonly load?: (reach: Reach) => Promise<void>;
  readonly mastership: Mastership;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly log: Log;
}

/** A run on MongoDB. */
export interface SchemaRunOptions extends StepsRun, Fenced {
  readonly client: MongoClient;
  readonly withMember: WithMember;
  /** The live database or the scratch one. A run touches no other. */
  readonly databaseName: string;
  /** A rehearsal has a progress of its own beside that of the live data. */
  readonly progressField: "progress" | "rehearsal";
}

/** One run of the steps by one process, with its progress. */
export interface RunnerOf<Options extends StepsRun> {
  readonly options: Options;
  progress: Progress;
  /** The time of the last progress, by the monotonic clock. */
  movedAtMs: number;
  /** The operations of the present step by this process. */
  operations: OperationFigures[];
  /** The number of documents that it has changed in this step. */
  changed: number;
  /** Files that it has made the members open, for collections and indexes. */
  addedFiles: number;
  /** The time in this step that went into loading data, which only a rehearsal does. */
  loadingMs: number;
  /** True once the run has come to a safe point at which it stops. */
  isPaused: boolean;
}

export type Runner = RunnerOf<SchemaRunOptions>;

/** The part of the next progress that only people read. */
export function shownNext(
  { options, progress, movedAtMs }: RunnerOf<StepsRun>,
  change: Partial<ShownProgress> = {},
): ShownProgress {
  const { shown } = progress;
  return {
    epoch: options.mastership.epoch,
    steps: options.steps.length,
    stepName: progress.stepName,
    operation: shown?.operation ?? null,
    operationDocuments: shown?.operationDocuments ?? 0,
    operationTotal: shown?.operationTotal ?? 0,
    documents: progress.documents,
    workedMs: Math.round((shown?.workedMs ?? 0) + options.clock.monotonicMs() - movedAtMs),
    finished: progress.finished,
    ...change,
  };
}

/** Notes the progress after a fenced write. */
export function moved(runner: RunnerOf<StepsRun>, next: Progress): void {
  runner.progress = { ...next, sequence: runner.progress.sequence + 1 };
  runner.movedAtMs = runner.options.clock.monotonicMs();
  runner.options.onProgress?.(runner.progress);
}

/**
 * A safe point: nothing is under way, and a later run goes on from here. Where a pause is asked for, the step ends here,
 * whatever it makes of the error.
 * @throws LockstepError `aborted`
 */
export function pauseIfAsked(runner: RunnerOf<StepsRun>): void {
  runner.isPaused ||= runner.options.isPauseAsked?.() ?? false;
  if (runner.isPaused) {
    throw new LockstepError("aborted", "the upgrade is paused: this step runs again, from here on");
  }
}

/** Makes the data there that an operation reaches. */
export async function loadReached(runner: RunnerOf<StepsRun>, reach: Reach): Promise<void> {
  const { load, clock } = runner.options;
  if (load === undefined) return;
  const startMs = clock.monotonicMs();
  await load(reach);
  runner.loadingMs += clock.monotonicMs() - startMs;
}

/** Writes the progress as a fenced transaction of its own. */
export async function moveProgress(
  runner: Runner,
  name: string,
  change: Partial<Progress>,
): Promise<void> {
  const { options, progress } = runner;
  const next: Progress = { ...progress, shown: shownNext(runner), ...change };
  await fencedTransaction(
    options,
    name,
    { field: options.progressField, sequence: progress.sequence },
    async () => ({ prepared: undefined, progress: { ...next } }),
    async () => {},
  );
  moved(runner, next);
}

/**
 * The processes that began since the last committed batch: processes that died before it no longer count. A rehearsal
 * counts them all.
 */
export function startedByAfterCommit(
  { options, progress }: RunnerOf<StepsRun>,
  isRehearsal: boolean,
): readonly string[] {
  return isRehearsal ? progress.startedBy : [options.holder];
}

/** The progress at the beginning of the next operation. */
export function nextOperation(runner: Runner): Partial<Progress> {
  const none = { operation: null, operationDocuments: 0, operationTotal: 0 };
  return {
    ...{ kind: null, target: null, cursor: null, operation: runner.progress.operation + 1 },
    shown: shownNext(runner, none),
  };
}
