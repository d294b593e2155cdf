import { refuseDeposed } from "../../leadership/fenced-transaction.ts";
import { readProgress } from "./progress.ts";
import { runSteps, type StepsDatabase, type StepsResult } from "./run-steps.ts";
import { moveProgress, type SchemaRunOptions } from "./runner.ts";
import { schemaContextOf } from "./step-context.ts";

/**
 * Runs schema steps on a MongoDB database, or continues where a predecessor stopped: see `runSteps`.
 * @throws LockstepError `fenced`, `lease-lost`, `database-unreachable`: never a failed step
 */
export function runSchemaSteps(options: SchemaRunOptions): Promise<StepsResult> {
  const { control, progressField } = options;
  const database: StepsDatabase<SchemaRunOptions> = {
    isRehearsal: progressField === "rehearsal",
    readProgress: (upgradeId) => readProgress(control, progressField, upgradeId),
    ...{ moveProgress, refuseDeposed, contextOf: schemaContextOf },
  };
  return runSteps(options, database);
}
