import { requireSemver } from "../../control/versions.ts";
import { LockstepError } from "../../errors.ts";
import { readDescribeRequest } from "../../launcher/describe-mode.ts";
import { writeNewFileNow } from "../../ports/files.ts";
import { describeSteps } from "../../upgrade/protocol/described-steps.ts";
import type { Step } from "../../upgrade/protocol/steps.ts";

/**
 * Where this process was started only to describe its build, it writes the steps down and ends. It comes before everything
 * else of an agent, since it needs no name, no directory and no database, and may touch none. Then it does not return, also
 * where `exit` does: an application may have replaced `process.exit` by one that ends later.
 * @throws LockstepError those of `defineSteps`; `version-not-semver`; `aborted` where the process has not ended
 */
export function describeIfAsked(
  build: { readonly version: string; readonly steps: readonly Step[] },
  environment: Readonly<Record<string, string | undefined>>,
  exit: (code: number) => void,
): void {
  const request = readDescribeRequest(environment);
  if (request === undefined) return;
  requireSemver(build.version);
  const described = describeSteps(build.steps, request.from, build.version);
  writeNewFileNow(request.path, `${JSON.stringify(described)}\n`);
  exit(0);
  throw new LockstepError("aborted", "this process only describes its build, so no agent starts");
}
