import type { MongoClient } from "mongodb";
import { type Fenced, fencedTransaction } from "../../leadership/fenced-transaction.ts";
import type { Log } from "../../log.ts";
import type { OperationFigures } from "./estimate.ts";
import type { Progress } from "./progress.ts";
import type { SchemaContext } from "./schema-context.ts";

export interface SchemaRunOptions extends Fenced {
  readonly client: MongoClient;
  /** The live database or the scratch one: a run reaches no other. */
  readonly databaseName: string;
  readonly steps: readonly { readonly name: string; run(context: SchemaContext): Promise<void> }[];
  readonly upgrade: string;
  readonly now: Date;
  readonly progressField: "progress" | "rehearsal";
  /** `<agent>:<incarnation>` of this process. */
  readonly holder: string;
  readonly isDead: (holder: string) => Promise<boolean>;
  /** Hears of each fenced write that moves the progress: of batches, definitions and attempts. */
  readonly onProgress?: (progress: Progress) => void;
  readonly log: Log;
}

/** One run of the steps by one process: where it stands, and how it moves. */
export interface Runner {
  readonly options: SchemaRunOptions;
  progress: Progress;
  /** What this process did of the step under way. */
  operations: OperationFigures[];
  /** Documents that it has changed, of those that it walked through. */
  changed: number;
}

/** Notes what a fenced write has made of the progress. */
export function moved(runner: Runner, next: Progress): void {
  runner.progress = { ...next, sequence: runner.progress.sequence + 1 };
  runner.options.onProgress?.(runner.progress);
}

/** Writes the progress as a fenced transaction of its own. */
export async function moveProgress(
  runner: Runner,
  name: string,
  change: Partial<Progress>,
): Promise<void> {
  const { options, progress } = runner;
  const next: Progress = { ...progress, ...change };
  await fencedTransaction(
    options,
    name,
    { field: options.progressField, sequence: progress.sequence },
    async () => ({ prepared: undefined, progress: { ...next } }),
    async () => {},
  );
  moved(runner, next);
}

/** A committed batch is progress: who died before it counts no more, but in a rehearsal. */
export function startedByAfterCommit({ options, progress }: Runner): readonly string[] {
  return options.progressField === "rehearsal" ? progress.startedBy : [options.holder];
}

/** Where the next operation begins. */
export function nextOperation({ progress }: Runner): Partial<Progress> {
  return { kind: null, target: null, cursor: null, operation: progress.operation + 1 };
}
