import { createHash } from "node:crypto";
import { type MongoClient, ObjectId } from "mongodb";
import { isLockstepError, LockstepError, messageOf } from "../errors.ts";
import { limits } from "../limits.ts";
import type { Log } from "../log.ts";
import { asUnreachable, isNetworkTrouble } from "../store/transient.ts";
import { applyBatches } from "./apply-batches.ts";
import { addCollection, addIndex } from "./definitions.ts";
import { type Fenced, fencedTransaction } from "./fenced-transaction.ts";
import { firstProgress, type Progress, readProgress } from "./progress.ts";
import type { SchemaContext } from "./schema-context.ts";
import { stepDatabase } from "./step-database.ts";

export interface StepReason {
  readonly code: string;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
}

export type StepsResult =
  | { readonly kind: "done"; readonly batches: number; readonly documents: number }
  | { readonly kind: "failed"; readonly reason: StepReason };

export interface RunOptions extends Fenced {
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
  readonly log: Log;
}

/** One run of the steps by one process: where it stands, and how it moves. */
export interface Runner {
  readonly options: RunOptions;
  progress: Progress;
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
    { field: options.progressField, ticks: progress.ticks },
    async () => ({ prepared: undefined, progress: { ...next } }),
    async () => {},
  );
  runner.progress = { ...next, ticks: progress.ticks + 1 };
}

/** A committed batch is progress: who died before it counts no more, but in a rehearsal. */
export function startersAfterCommit({ options, progress }: Runner): readonly string[] {
  return options.progressField === "rehearsal" ? progress.starters : [options.holder];
}

function failed(step: string, error: unknown): StepsResult {
  const known = isLockstepError(error);
  return {
    kind: "failed",
    reason: {
      code: known ? error.code : "step-failed",
      message: `schema step "${step}": ${messageOf(error)}`,
      details: { step, ...(known ? error.details : {}) },
    },
  };
}

const passing = ["fenced", "lease-lost", "aborted", "database-unreachable"] as const;

/** Rejects when the signal aborts, even if the step ignores it. */
function withSignal(work: Promise<void>, signals: readonly AbortSignal[]): Promise<void> {
  const signal = AbortSignal.any([...signals]);
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}

/** The context of one step: numbers its operations, skips those that are done. */
function contextOf(runner: Runner, step: string, track: Set<Promise<void>>): SchemaContext {
  const { options } = runner;
  let asked = 0;
  const operation = (kind: string, act: () => Promise<void>): Promise<void> => {
    const ordinal = asked;
    asked += 1;
    const work = (async () => {
      if (ordinal < runner.progress.operation) return;
      const begun = runner.progress.kind;
      if (ordinal > runner.progress.operation || (begun !== null && begun !== kind)) {
        throw new LockstepError(
          "step-not-deterministic",
          `expected operation ${runner.progress.operation} to be ${begun ?? "the next one"}, the step asks for ${kind} as operation ${ordinal}: await each operation, and ask for the same ones each time`,
        );
      }
      if (begun === null) await moveProgress(runner, "operation-begin", { kind });
      await act();
    })();
    track.add(work);
    return work.finally(() => track.delete(work));
  };
  const done = { kind: null, cursor: null } as const;
  const next = () => ({ ...done, operation: runner.progress.operation + 1 });

  return {
    now: options.now,
    id: (seed) => {
      const hash = createHash("sha256").update(`${options.upgrade}/${step}/${seed}`).digest("hex");
      return new ObjectId(hash.slice(0, 24));
    },
    signal: AbortSignal.any([options.signal, options.mastership.signal]),
    log: options.log.child({ step }),
    addCollection: (name) =>
      operation(`addCollection ${name}`, () => addCollection(runner, name, next())),
    addIndex: (collection, keys, index) =>
      operation(`addIndex ${collection} ${index.name}`, async () => {
        await addIndex(runner, collection, keys, index);
        await moveProgress(runner, "operation-end", next());
      }),
    applyToCollection: (collection, application) =>
      operation(`applyToCollection ${collection}`, async () => {
        await applyBatches(runner, collection, application);
        await moveProgress(runner, "operation-end", next());
      }),
    transaction: (body) =>
      operation("transaction", async () => {
        const { progress } = runner;
        const moved: Progress = { ...progress, ...next(), batches: progress.batches + 1 };
        await fencedTransaction(
          options,
          "step-transaction",
          { field: options.progressField, ticks: progress.ticks },
          async () => ({ prepared: undefined, progress: { ...moved } }),
          async (session) => {
            const database = options.client.db(options.databaseName);
            await body(stepDatabase(database, session), session);
          },
        );
        runner.progress = { ...moved, ticks: progress.ticks + 1 };
      }),
  };
}

/** A step that kills its process is a verdict: two deaths with no committed batch in between. */
async function countAttempt(runner: Runner): Promise<LockstepError | null> {
  const { options, progress } = runner;
  const others = progress.starters.filter((holder) => holder !== options.holder);
  const dead: string[] = [];
  for (const holder of others) if (await options.isDead(holder)) dead.push(holder);
  if (dead.length >= limits.stepDeathsMax) {
    return new LockstepError(
      "step-kills-process",
      `${dead.length} processes died in it with no batch committed in between: mend the step`,
      { dead },
    );
  }
  await moveProgress(runner, "attempt", { starters: [...others, options.holder] });
  return null;
}

/**
 * Runs the schema steps on one database, or goes on where a predecessor stopped.
 * A failed step is a result.
 * @throws LockstepError `fenced`, `lease-lost`, `database-unreachable`: never a failed step
 */
export async function runSchemaSteps(options: RunOptions): Promise<StepsResult> {
  const { steps, upgrade, progressField, control } = options;
  const first = steps[0];
  if (first === undefined) return { kind: "done", batches: 0, documents: 0 };
  const rehearsal = progressField === "rehearsal";
  const found = await readProgress(control, progressField, upgrade);
  const start = firstProgress(upgrade, first.name);
  // A rehearsal begins on a fresh copy each time; only who died in it is remembered.
  const again = rehearsal && found ? { ...start, starters: found.starters } : found;
  const runner: Runner = { options, progress: again ?? start };
  options.log.info(
    { step: runner.progress.stepName, batches: runner.progress.batches, resumed: Boolean(found) },
    "schema steps",
  );
  while (!runner.progress.finished) {
    const { step: index } = runner.progress;
    const step = steps[index] as (typeof steps)[number];
    try {
      const verdict = await countAttempt(runner);
      if (verdict) return failed(step.name, verdict);
      const track = new Set<Promise<void>>();
      const context = contextOf(runner, step.name, track);
      await withSignal(step.run(context), [options.signal, options.mastership.signal]);
      if (track.size > 0) {
        await Promise.allSettled([...track]);
        throw new LockstepError(
          "step-not-deterministic",
          "the step ended before its operations did: await each of them",
        );
      }
    } catch (error) {
      const aborted = options.signal.aborted || options.mastership.signal.aborted;
      if (aborted || passing.some((code) => isLockstepError(error, code))) throw error;
      // Trouble on the way to the database says nothing about the step.
      if (isNetworkTrouble(error)) throw asUnreachable(error);
      return failed(step.name, error);
    }
    const nextStep = steps[index + 1];
    await moveProgress(runner, "step-end", {
      step: index + 1,
      stepName: nextStep?.name ?? step.name,
      operation: 0,
      kind: null,
      cursor: null,
      starters: startersAfterCommit(runner),
      finished: nextStep === undefined,
    });
  }
  const { batches, documents } = runner.progress;
  return { kind: "done", batches, documents };
}
