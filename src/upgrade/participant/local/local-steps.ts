import { createHash } from "node:crypto";
import { lt } from "semver";
import type { AgentEvent } from "../../../../machines/participant-context.ts";
import type { Reason, Role } from "../../../../machines/vocabulary.ts";
import { isLockstepError, messageOf } from "../../../errors.ts";
import { limits } from "../../../limits.ts";
import type { Log } from "../../../log.ts";
import type { LocalStep, LocalStepContext, Step } from "../../protocol/steps.ts";
import { planOf } from "../../protocol/steps.ts";
import { beforeAllVersions, type LocalJournal, type LocalRecord } from "./local-journal.ts";
import { noteTimeOut } from "./time-out.ts";

/** The means of running and undoing local steps. */
export interface LocalRun {
  readonly journal: LocalJournal;
  readonly steps: readonly Step[];
  readonly role: Role;
  readonly upgradeId: string;
  readonly from: string;
  readonly to: string;
  /** Id of the effect that this is: the same for each process that goes on with it. */
  readonly effect: string;
  /** This process has not tried it before. */
  readonly isFirstTry: boolean;
  readonly now: Date;
  readonly dataDirectory: string;
  /** Aborts when another process goes on with it, or when it is not wanted any more. */
  readonly signal: AbortSignal;
  /** Aborts when it has taken too long in this process; its reason says so. */
  readonly overtime: AbortSignal;
  readonly log: Log;
}

/** The local steps that this host owes between two versions, in order. */
export function localStepsOf(
  steps: readonly Step[],
  from: string,
  to: string,
  role: Role,
): readonly LocalStep[] {
  return planOf(steps, from, to).local.filter(
    ({ target }) => target === "AllMachines" || role === "state-server",
  );
}

function localContextOf(
  run: LocalRun,
  step: LocalStep,
  attempt: number,
  keep: (path: string) => Promise<void>,
): LocalStepContext {
  const { from, to, now, dataDirectory, upgradeId } = run;
  return {
    from,
    to,
    now,
    id: (seed) =>
      createHash("sha256").update(`${upgradeId}/${step.name}/${seed}`).digest("hex").slice(0, 24),
    signal: AbortSignal.any([run.signal, run.overtime]),
    log: run.log.child({ step: step.name }),
    dataDirectory,
    attempt,
    keep,
  };
}

function failed(step: string, code: string, message: string): Reason {
  return { code, message: `local step "${step}": ${message}`, details: { step } };
}

function troubleOf(run: LocalRun, step: string, error: unknown): Reason {
  return run.overtime.aborted
    ? failed(step, "timeout", messageOf(run.overtime.reason))
    : failed(step, "step-failed", messageOf(error));
}

/**
 * Waits for the step itself, also after its signal: nothing may be undone while the step still works.
 * One that ignores its signal is the engine's business: its process has to leave.
 */
async function settle(work: Promise<void>, { signal, overtime }: LocalRun): Promise<void> {
  await work;
  signal.throwIfAborted();
  overtime.throwIfAborted();
}

/** The number of processes that have begun this work. A second try in the same process does not count. Pure. */
export function attemptAfter(
  last: { readonly attempt: number; readonly effect: string } | undefined,
  { effect, isFirstTry }: Pick<LocalRun, "effect" | "isFirstTry">,
): number {
  return last?.effect === effect ? last.attempt + (isFirstTry ? 1 : 0) : 1;
}

type Begun = LocalRecord & { readonly running: NonNullable<LocalRecord["running"]> };

/**
 * Writes down that a step, or its revert, starts now: an attempt of the effect that this is.
 * @returns the record with the attempt, or why there is none any more
 */
async function begin(
  run: LocalRun,
  record: LocalRecord,
  step: LocalStep,
  what: string,
): Promise<Reason | Begun> {
  const { running } = record;
  const isOurs = running?.step === step.name && running.effect === run.effect;
  if (isOurs && running.timedOut !== undefined) {
    return failed(step.name, "timeout", running.timedOut);
  }
  const attempt = attemptAfter(running?.step === step.name ? running : undefined, run);
  if (attempt > limits.stepDeathsMax) {
    const message = `its process died ${limits.stepDeathsMax} times in ${what}`;
    return failed(step.name, "step-kills-process", message);
  }
  const next = { ...record, running: { step: step.name, attempt, effect: run.effect } };
  await run.journal.write(run.upgradeId, next);
  return next;
}

/** A process that stops at its signal has not died in its step. The verdict of a time-out stays. */
async function forgetAttempt(
  { journal, upgradeId, overtime }: LocalRun,
  record: LocalRecord,
): Promise<void> {
  if (!record.running || overtime.aborted) return;
  const running = { ...record.running, attempt: record.running.attempt - 1 };
  await journal.write(upgradeId, { ...record, running });
}

/** The record of a host that begins: where its files match an earlier version than the fleet's, it begins there. */
export async function newRecord(
  journal: LocalJournal,
  { from, to }: Pick<LocalRecord, "from" | "to">,
): Promise<LocalRecord> {
  const known = (await journal.stepsVersion()) ?? beforeAllVersions;
  return { from: lt(known, from) ? known : from, to, done: [], running: null, kept: [] };
}

/**
 * Runs one step. The writes of its record follow each other, however they are asked for: each adds to what the one
 * before has written.
 * @returns the record with the step done, or why it has failed
 */
async function runStep(
  run: LocalRun,
  begun: Begun,
  step: LocalStep,
): Promise<Reason | LocalRecord> {
  const { journal, upgradeId } = run;
  let record: LocalRecord = begun;
  // A file that cannot be kept fails the step, also where nobody awaits it.
  let writing: Promise<void> = Promise.resolve();
  const context = localContextOf(run, step, begun.running.attempt, (path) => {
    writing = writing.then(async () => {
      record = await journal.keep(upgradeId, record, path);
    });
    writing.catch(() => {});
    return writing;
  });
  const noted = noteTimeOut(run, (timedOut) => {
    writing = writing
      .catch(() => {})
      .then(async () => {
        record = { ...record, running: { ...begun.running, timedOut } };
        await journal.write(upgradeId, record);
      });
    return writing;
  });
  try {
    await settle(step.run(context), run);
    await writing;
  } catch (error) {
    await writing.catch(() => {});
    if (run.signal.aborted) await forgetAttempt(run, record);
    if (run.signal.aborted || isLockstepError(error, "fenced")) throw error;
    return troubleOf(run, step.name, error);
  } finally {
    await noted();
  }
  record = { ...record, done: [...record.done, step.name], running: null };
  await journal.write(upgradeId, record);
  return record;
}

/** Runs the steps that this host has not run yet, each at least once. Its before-images are durable first. */
export async function runLocalSteps(run: LocalRun): Promise<AgentEvent> {
  const { journal, upgradeId, from, to } = run;
  const known = await journal.stepsVersion();
  const found = await journal.read(upgradeId);
  // A host that was declared to be provisioned at this version needs no step.
  if (found === undefined && known === to) return { type: "localStepsDone" };
  let record: LocalRecord = found ?? (await newRecord(journal, { from, to }));
  for (const step of localStepsOf(run.steps, record.from, to, run.role)) {
    if (record.done.includes(step.name)) continue;
    run.signal.throwIfAborted();
    const begun = await begin(run, record, step, "it: mend the step, then upgrade again");
    if ("code" in begun) return { type: "localStepFailed", reason: begun };
    const ended = await runStep(run, begun, step);
    if ("code" in ended) return { type: "localStepFailed", reason: ended };
    record = ended;
  }
  await journal.setStepsVersion(to);
  return { type: "localStepsDone" };
}

/** Notes that the files match the version from before again, unless this host was provisioned at the later one. */
async function setBack(
  journal: LocalJournal,
  { from, to }: Pick<LocalRecord, "from" | "to">,
): Promise<void> {
  const isProvisioned = (await journal.stepsVersion()) === to && (await journal.isDeclared());
  if (isProvisioned) return;
  if (from === beforeAllVersions) await journal.forgetStepsVersion();
  else await journal.setStepsVersion(from);
}

/** Undoes the work of this host for the upgrade. Work that is undone already is a success. */
export async function undoLocalSteps(run: LocalRun, running: string): Promise<AgentEvent> {
  const { journal, upgradeId, from, to } = run;
  let record = await journal.read(upgradeId);
  if (record === undefined) {
    // Nothing was run. Files that are older than `from` stay so: an agent that missed an upgrade follows it later.
    if ((await journal.stepsVersion()) === to) await setBack(journal, { from, to });
    return { type: "undone" };
  }
  const touched = [...record.done, ...(record.running ? [record.running.step] : [])];
  const steps = localStepsOf(run.steps, record.from, to, run.role);
  const reverts = steps.filter((step) => step.revert !== undefined && touched.includes(step.name));
  const known = new Set(steps.map(({ name }) => name));
  const unknown = touched.filter((name) => !known.has(name));
  if (unknown.length > 0) {
    run.log.warn(
      { unknown, running },
      "this build does not know these steps: the files that they kept are put back, reverts are not run",
    );
  }
  for (const step of reverts.toReversed()) {
    const begun = await begin(run, record, step, "its revert: mend it, then `lockstep retry`");
    if ("code" in begun) return { type: "undoFailed", reason: begun };
    const context = localContextOf(run, step, begun.running.attempt, async () => {});
    const noted = noteTimeOut(run, (timedOut) =>
      journal.write(upgradeId, { ...begun, running: { ...begun.running, timedOut } }),
    );
    try {
      await settle(step.revert?.(context) ?? Promise.resolve(), run);
    } catch (error) {
      if (run.signal.aborted) await forgetAttempt(run, begun);
      if (run.signal.aborted) throw error;
      return { type: "undoFailed", reason: troubleOf(run, step.name, error) };
    } finally {
      await noted();
    }
    // The last goes back first: what ran last is out of the record before the next one is in it.
    const done = begun.done.filter((name) => name !== step.name);
    record = { ...begun, done, running: null };
    await journal.write(upgradeId, record);
  }
  await journal.putBack(record);
  await setBack(journal, record);
  await journal.forget(upgradeId);
  return { type: "undone" };
}
