import { resolve } from "node:path";
import type { Command } from "commander";
import { LockstepError } from "../../errors.ts";
import type { StepSource } from "../../operator/planning/make-plan.ts";
import { readSteps } from "./read-steps.ts";
import { shellWord } from "./shell-word.ts";

/** The options by which a command finds the steps of a build that does not run yet. */
export interface StepOptions {
  readonly steps?: string;
  readonly versions?: string;
}

/** Adds the two options by which a command finds the steps of a build. */
export function addStepOptions(command: Command): Command {
  return command
    .option(
      "--versions <file>",
      "the versions file of this host's launcher: the build describes its own steps (default: LOCKSTEP_VERSIONS of the environment)",
    )
    .option("--steps <module>", "a module that exports `steps`, where this host has no launcher");
}

/**
 * The steps by the command line, else by the environment, or null where neither names any.
 * @throws LockstepError `bad-argument`
 */
export async function findStepSource(
  { steps, versions }: StepOptions,
  environment: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): Promise<StepSource | null> {
  if (steps !== undefined && versions !== undefined) {
    throw new LockstepError(
      "bad-argument",
      "expected --versions or --steps, got both: name the versions file of the launcher, or the module where this host has none",
    );
  }
  if (steps !== undefined) return readSteps(steps);
  const path = versions ?? environment["LOCKSTEP_VERSIONS"] ?? "";
  if (path === "") return null;
  const { stepsOfBuild } = await import("../../operator/planning/steps-of-build.ts");
  return stepsOfBuild({ versionsPath: resolve(path), signal });
}

/** The same for a command that needs them. @throws LockstepError `bad-argument` */
export async function requireStepSource(
  ...given: Parameters<typeof findStepSource>
): Promise<StepSource> {
  const found = await findStepSource(...given);
  if (found !== null) return found;
  throw new LockstepError(
    "bad-argument",
    "expected the steps of that version's build, found none: name the versions file of this host's launcher with --versions or LOCKSTEP_VERSIONS, or a module with --steps",
  );
}

/** The options of another command that finds the same steps, as a person types them. Pure. */
export function stepWords({ steps, versions }: StepOptions): string {
  if (steps !== undefined) return ` --steps ${shellWord(steps)}`;
  return versions === undefined ? "" : ` --versions ${shellWord(versions)}`;
}
