import type { AgentEvent } from "../../../machines/participant-context.ts";
import type { Reason } from "../../../machines/vocabulary.ts";
import { messageOf } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { attemptAfter, type LocalRun, newRecord } from "./local/local-steps.ts";
import { noteTimeOut } from "./local/time-out.ts";

/** The application's own trial of the new build. It rejects where the build cannot serve. */
export type ReadinessCheck = (signal: AbortSignal) => Promise<void>;

function notReady(to: string, message: string): AgentEvent {
  const reason: Reason = {
    code: "not-ready",
    message: `expected ${to} to be able to serve, its readiness check says otherwise: ${message}: mend the release or this host, then upgrade again`,
    details: { version: to },
  };
  return { type: "readinessFailed", reason };
}

/**
 * Runs the readiness check. The local journal counts its attempts, so a process that dies in it twice has failed it.
 * The check may run again after an answer was lost.
 */
export async function checkReadiness(run: LocalRun, check: ReadinessCheck): Promise<AgentEvent> {
  const { journal, upgradeId, effect, from, to, signal, overtime } = run;
  const known = await journal.read(upgradeId);
  const record = known ?? (await newRecord(journal, { from, to }));
  const last = record.readiness;
  if (last?.effect === effect && last.timedOut !== undefined) return notReady(to, last.timedOut);
  const attempt = attemptAfter(last, run);
  if (attempt > limits.stepDeathsMax) {
    return notReady(to, `its process died in it ${limits.stepDeathsMax} times`);
  }
  const begun = { ...record, readiness: { attempt, effect } };
  await journal.write(upgradeId, begun);
  const noted = noteTimeOut(run, (timedOut) =>
    journal.write(upgradeId, { ...begun, readiness: { ...begun.readiness, timedOut } }),
  );
  try {
    await check(AbortSignal.any([signal, overtime]));
    signal.throwIfAborted();
    overtime.throwIfAborted();
    return { type: "readinessPassed" };
  } catch (error) {
    await noted();
    if (!signal.aborted) return notReady(to, messageOf(overtime.aborted ? overtime.reason : error));
    // A process that stops at its signal has not died in its check. The verdict of a time-out stays.
    if (!overtime.aborted) {
      await journal.write(upgradeId, { ...record, readiness: { attempt: attempt - 1, effect } });
    }
    throw error;
  }
}
