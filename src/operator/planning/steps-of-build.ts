import { LockstepError } from "../../errors.ts";
import { type DescribeOptions, describeBuild } from "../../launcher/describe-build.ts";
import {
  type DescribedSteps,
  describedStepsShape,
} from "../../upgrade/protocol/described-steps.ts";
import type { StepSource } from "./make-plan.ts";

function notDescribed(to: string, why: string, next: string): LockstepError {
  return new LockstepError("cannot-describe", `expected the steps of ${to}, ${why}: ${next}`, {
    version: to,
  });
}

/**
 * The steps that a build has written down. A build of another Lockstep may write more than this one reads. Pure.
 * @throws LockstepError `cannot-describe` for a text that is none of ours, or that describes other steps than those asked for
 */
export function describedStepsOf(
  content: string,
  { from, to }: Pick<DescribedSteps, "from" | "to">,
): DescribedSteps {
  let found: unknown;
  try {
    found = JSON.parse(content);
  } catch {
    throw notDescribed(to, "its build wrote no JSON", "name the module of its steps with --steps");
  }
  const wrong = describedStepsShape(found, "its description");
  if (wrong !== null) {
    throw notDescribed(to, `its build wrote something else: ${wrong}`, "use --steps MODULE");
  }
  const described = found as DescribedSteps;
  if (described.to !== to) {
    const why = `its command in the versions file starts the build of ${described.to}`;
    throw notDescribed(to, why, "correct that file, or the version that the build names");
  }
  if (described.from !== from) {
    throw notDescribed(to, `its build wrote those from ${described.from}`, "use --steps MODULE");
  }
  const steps = described.steps.map((step) => {
    const { name, version, target, description, reads, undo } = step;
    return { name, version, target, description, reads, undo };
  });
  return { from, to, hash: described.hash, steps };
}

/** The steps of a build that a launcher's versions file lists: the build describes them itself. */
export function stepsOfBuild(
  options: Pick<DescribeOptions, "versionsPath" | "signal">,
): Extract<StepSource, (...given: never) => unknown> {
  return async (from, to) =>
    describedStepsOf(await describeBuild({ ...options, from, version: to }), { from, to });
}
