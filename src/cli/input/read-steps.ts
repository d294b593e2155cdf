import { LockstepError } from "../../errors.ts";
import type { Step } from "../../operator/by-hand/data-by-hand.ts";
import { importModule } from "../../ports/import-module.ts";

/** The steps that a module exports. @throws LockstepError `bad-argument` */
export async function readSteps(path: string): Promise<readonly Step[]> {
  const { steps } = await importModule(path, "--steps");
  if (!Array.isArray(steps)) {
    throw new LockstepError(
      "bad-argument",
      `expected ${path} to export an array \`steps\`, found none: export the steps that the agent gets`,
    );
  }
  return steps;
}
