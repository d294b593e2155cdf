import { checkOptions, type OptionShapes } from "../../options.ts";
import { anything, callable, record } from "../../shape.ts";
import type { DurableOptions, Migration, RetryPolicy, TaskDefinition } from "./durable.ts";

type Declared = DurableOptions<never>;

const anyRecord = record(anything);

/** Those of `anything` have a check of their own. */
const durableShapes: OptionShapes<Declared> = {
  ...{ name: anything, version: anything, tasks: anyRecord, actions: record(callable) },
  migrate: anyRecord,
};
const taskShapes: OptionShapes<TaskDefinition> = {
  ...{ run: callable, retry: anything, timeout: anything, heartbeat: anything },
};
const retryShapes: OptionShapes<RetryPolicy> = {
  ...{ attempts: anything, backoff: anything, retryable: callable },
};
const migrationShapes: OptionShapes<Migration> = { state: callable, context: callable };

/**
 * Refuses an option that `durable` does not know: a task whose `timeout` is misspelt would wait for ever.
 * @throws LockstepError `bad-argument`
 */
export function checkDeclared(options: Declared): void {
  checkOptions("durable", options, durableShapes);
  for (const [name, task] of Object.entries(options.tasks ?? {})) {
    checkOptions(`tasks.${name}`, task, taskShapes);
    const { retry } = task as TaskDefinition;
    if (retry !== undefined) checkOptions(`tasks.${name}.retry`, retry, retryShapes);
  }
  for (const [from, migration] of Object.entries(options.migrate ?? {})) {
    checkOptions(`migrate of ${JSON.stringify(from)}`, migration, migrationShapes);
  }
}
