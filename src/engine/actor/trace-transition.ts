import type { Span, Tracing } from "../../ports/tracing/tracing.ts";
import type { RunStamp } from "../system/outcome.ts";
import type { Appending, Applied } from "./applying.ts";

/** The span of a transition, for the work that the transition asks for. */
function tracedBy({ trace }: Span): RunStamp["traced"] {
  return trace === undefined ? undefined : { trace };
}

/** Starts an actor in a span. */
export function tracedStart(
  tracing: Tracing,
  machine: string,
  start: (traced: RunStamp["traced"]) => Promise<string>,
): Promise<string> {
  const facts = { "lockstep.machine": machine };
  return tracing.inSpan("lockstep.start", { facts }, async (span) => {
    const actor = await start(tracedBy(span));
    span.set({ "lockstep.actor": actor });
    return actor;
  });
}

/** Applies an event to an actor in a span. Where nothing is to be done, there is no span. */
export function tracedApply(
  tracing: Tracing,
  actor: string,
  appending: Appending,
  apply: (appending: Appending) => Promise<Applied>,
): Promise<Applied> {
  const facts = { "lockstep.actor": actor };
  return tracing.inSpan("lockstep.transition", { facts, under: appending.under }, async (span) => {
    const applied = await apply({ ...appending, traced: tracedBy(span) });
    if (applied.kind === "void") span.drop();
    else if (applied.kind === "duplicate") span.set({ "lockstep.outcome": "duplicate" });
    else {
      const { machine, version, kind, eventType, outcome, state, revision, reason } = applied.entry;
      span.set({
        ...{ "lockstep.machine": machine, "lockstep.version": version, "lockstep.kind": kind },
        ...{ "lockstep.event": eventType, "lockstep.outcome": outcome, "lockstep.state": state },
        "lockstep.revision": revision,
      });
      if (reason !== undefined) span.fail(reason.message);
    }
    return applied;
  });
}
