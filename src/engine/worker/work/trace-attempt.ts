import type { Tracing } from "../../../ports/tracing/tracing.ts";
import type { WorkRecord } from "../../journal/entry.ts";
import type { WorkResult } from "./run-work.ts";

/** Runs one attempt of a task or of an action in a span below that of the transition that asked for it. */
export function tracedAttempt(
  tracing: Tracing | null | undefined,
  { kind, name, id, trace }: WorkRecord,
  { actor, attempt }: { readonly actor: string; readonly attempt: number },
  act: () => Promise<WorkResult>,
): Promise<WorkResult> {
  if (!tracing || (kind !== "task" && kind !== "action")) return act();
  const facts = {
    ...{ "lockstep.actor": actor, "lockstep.work_id": id, "lockstep.attempt": attempt },
    [`lockstep.${kind}`]: name,
  };
  return tracing.inSpan(`lockstep.${kind} ${name}`, { facts, under: trace }, async (span) => {
    const result = await act();
    if (result.settled.kind === "error") span.fail(result.settled.error);
    return result;
  });
}
