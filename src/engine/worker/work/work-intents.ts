import type { EventObject } from "xstate";
import type { Intent } from "../../actor/step.ts";
import type { Entry, WorkRecord } from "../../journal/entry.ts";
import { keptError } from "../../system/kept-error.ts";
import type { Settled } from "../../system/xstate/stub-logic.ts";

/** The event that a result of work is to its actor, or null where the actor does not wait for it any more. */
export function settledIntent(record: WorkRecord, result: Settled): (tail: Entry) => Intent | null {
  const { id } = record;
  const settled: Settled =
    result.kind === "error" ? { kind: "error", error: keptError(result.error) } : result;
  return (tail) => {
    // A migration may have changed its names since it began.
    const pending = tail.work.find((waiting) => waiting.id === id);
    if (pending === undefined) return null;
    const { kind, name, path } = pending;
    if (kind === "action" || kind === "message") {
      const event = { type: "lockstep.carried-out", [kind]: name, workId: id };
      const cause = { kind: "carried-out", workId: id } as const;
      return { ...{ kind: "result", cause, key: `work:${id}` }, eventType: event.type, event };
    }
    const child = path.slice(path.lastIndexOf("/") + 1);
    const type = settled.kind === "value" ? "snapshot" : `${settled.kind}.actor`;
    const event = { type: `xstate.${type}.${child}`, ...settled };
    const key = settled.kind === "value" ? {} : { key: `work:${id}` };
    const cause = { kind: "settled", workId: id, settled } as const;
    return { ...{ kind: "result", cause, ...key }, eventType: event.type, event };
  };
}

/** An event that live work sends to the actor that invoked it. */
export function parentIntent(
  record: WorkRecord,
  event: EventObject,
): (tail: Entry) => Intent | null {
  return whileAsked(record, event, { kind: "event", birth: record.parent, event });
}

/** An event that live work emits. */
export function emittedIntent(
  record: WorkRecord,
  event: EventObject,
): (tail: Entry) => Intent | null {
  return whileAsked(record, event, { kind: "emitted", event });
}

function childIntent(event: EventObject, cause: Intent["cause"]): Intent {
  return { kind: "child", eventType: event.type, event, cause };
}

/** The event, while the actor still waits for this work. */
function whileAsked({ id }: WorkRecord, event: EventObject, cause: Intent["cause"]) {
  return (tail: Entry): Intent | null =>
    tail.work.some((pending) => pending.id === id) ? childIntent(event, cause) : null;
}

/** An event that work sends to an actor of its input. */
export function outsideIntent(birth: number, event: EventObject) {
  return ({ status }: Entry): Intent | null =>
    status === "active" ? childIntent(event, { kind: "event", birth, event }) : null;
}
