import type { SentByHand } from "../send-event.ts";
import type { ActorWhy } from "../show-actor.ts";

/** A sentence, and the moment that belongs to its end, or null. */
export interface Sentence {
  readonly words: string;
  readonly at: Date | null;
}

/** The one sentence that answers `why`. Pure. */
export function answerOf(why: ActorWhy): Sentence {
  const { status, work, timers, events, lack, isStuck } = why;
  const plain = (words: string) => ({ words, at: null });
  if (status !== "active") {
    const rest = work.length === 0 ? "nothing moves it" : "only its actions are left";
    return plain(`it has ended (${status}): ${rest}`);
  }
  if (isStuck) return plain("it is stuck: no event, no timer and no work can move it");
  if (lack !== null) {
    return plain(`the module lacks ${lack}: a worker with it leaves the actor alone`);
  }
  if (work.length > 0) return plain("it moves when its work ends, or by an event");
  const [first] = timers.toSorted((one, other) => one.at.getTime() - other.at.getTime());
  if (first) return { words: `it moves by an event, or by its timer ${first.event}`, at: first.at };
  return plain(
    events === null ? "only an event can move it" : `it waits for an event: ${events.join(", ")}`,
  );
}

/** The events that an actor takes, or why they are not known. Null: it has ended. Pure. */
export function eventWordsOf({ events, reason, status }: ActorWhy): string | null {
  if (status !== "active") return null;
  if (events !== null) return events.join(", ") || "none";
  return reason === null
    ? "not known without the machine: name its module with --module"
    : `not known: ${reason.code}: ${reason.message}`;
}

/** The worker of an actor, or why its timers and its work wait. Null: none is there, and none is needed. Pure. */
export function workerWords({
  worker,
  timers,
  work,
  machine,
}: Pick<ActorWhy, "worker" | "timers" | "work" | "machine">): string | null {
  if (worker?.isAlive) return `${worker.host}, process ${worker.pid}`;
  if (timers.length + work.length === 0) return null;
  const wait = "its timers and its work wait until one comes";
  const gone = worker === null ? "none owns it" : `${worker.host}, process ${worker.pid}, is gone`;
  return `${gone}: ${wait}; start a process with "${machine}"`;
}

/** The answer to an event. Pure. */
export function sentWords({
  outcome,
  state,
  status,
  revision,
  reason,
  receiver,
}: SentByHand): string {
  const { id } = receiver;
  const place = `${state}${status === "active" ? "" : `, ${status}`}, revision ${revision}`;
  switch (outcome) {
    case "applied":
      return `applied: ${id} is in ${place}`;
    case "duplicate":
      return `duplicate: ${id} has taken an event with this key before, and is in ${place}`;
    case "ignored": {
      const why = status === "active" ? `no transition of ${state} takes it` : "it has ended";
      return `ignored: ${id} is in ${place}: ${why}`;
    }
    case "rejected":
      return `rejected: ${id} stays in ${place}: ${reason === undefined ? "" : `${reason.code}: ${reason.message}`}`;
  }
}
