import { type ErrorCode, isLockstepError, messageOf } from "../../errors.ts";
import { asUnreachable } from "../../mongo/transient.ts";
import type { UpgradeCheck } from "../../upgrade/database/upgrade-checks.ts";
import { mendOf } from "./mends.ts";

/** `trouble`: something is down, or an upgrade would be refused. `warning`: all goes on, with less safety. */
export type Outcome = "ok" | "warning" | "trouble";

/** One line of an examination. */
export interface Finding {
  readonly name: string;
  readonly outcome: Outcome;
  /** The figures, or the failure, in words. */
  readonly figure: string;
  /** The code of the failure, or null where there is none. */
  readonly code: ErrorCode | null;
  /** The work that ends it. It is null only where all is well. */
  readonly mend: string | null;
}

/** One part of an examination. It only reads. */
export interface Examination {
  readonly name: string;
  run(): Promise<readonly Finding[]>;
}

export function ok(name: string, figure: string): Finding {
  return { name, outcome: "ok", figure, code: null, mend: null };
}

export function warning(name: string, figure: string, mend: string): Finding {
  return { name, outcome: "warning", figure, code: null, mend };
}

export function trouble(
  name: string,
  figure: string,
  mend: string,
  code: ErrorCode | null = null,
): Finding {
  return { name, outcome: "trouble", figure, code, mend };
}

/** Why something does not answer, in the driver's words where there are some: ours repeat what the mend says. */
export function whyAway(error: unknown): string {
  const isAway = isLockstepError(error, "database-unreachable") && error.cause instanceof Error;
  return messageOf(isAway ? error.cause : error);
}

/** The finding of a part that failed. A part that could not be examined is never well. */
export function failed(name: string, thrown: unknown): Finding {
  const error = asUnreachable(thrown);
  const code = isLockstepError(error) ? error.code : "unexpected";
  return trouble(name, whyAway(error), mendOf(name, code), code);
}

/** Runs one part. Its failure is a finding, so that the other parts go on. */
export async function examined({ name, run }: Examination): Promise<readonly Finding[]> {
  try {
    return await run();
  } catch (error) {
    return [failed(name, error)];
  }
}

/** A check before an upgrade as a part of an examination. */
export function examinationOf(check: UpgradeCheck): Examination {
  const { name } = check;
  return {
    name,
    async run() {
      const found = await check.run();
      if (found.warning === null) return [ok(name, found.figure)];
      return [warning(name, `${found.figure}; ${found.warning}`, mendOf(name, null))];
    },
  };
}
