import { LockstepError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import type { Duration } from "./durable.ts";
import { parseDuration } from "./durations.ts";

/** The times for which the journal keeps entries, of at least an hour each. Without a time they are kept for ever. */
export interface Retain {
  /**
   * Entries that a later one has replaced, from then on. The first entry of an actor stays as long as the actor.
   */
  readonly history?: Duration;
  /**
   * The time for which the key of a caller's event counts, from that event on: after this time the same key is another event. By
   * default it goes with its entry. It is at least as long as `history`.
   */
  readonly keys?: Duration;
  /** Actors that have ended, and whose actions are carried out. After this time, an id can be started anew. */
  readonly done?: Duration;
}

/** Retention in milliseconds. */
export interface Retention {
  readonly historyMs: number | undefined;
  readonly keysMs: number | undefined;
  readonly doneMs: number | undefined;
}

function parsed(what: string, duration: Duration | undefined): number | undefined {
  if (duration === undefined) return undefined;
  const ms = parseDuration(what, duration);
  if (ms >= limits.retainMsMin) return ms;
  throw new LockstepError(
    "bad-argument",
    `${what}: expected at least ${limits.retainMsMin} ms, since other processes may still know what was deleted, found ${JSON.stringify(duration)}`,
  );
}

/** @throws LockstepError `bad-argument` */
export function parseRetain({ history, keys, done }: Retain): Retention {
  const historyMs = parsed("retain.history", history);
  const keysMs = parsed("retain.keys", keys);
  if (keysMs !== undefined && (historyMs === undefined || keysMs < historyMs)) {
    throw new LockstepError(
      "bad-argument",
      `retain.keys: expected as long as \`retain.history\` or longer, since a key stays with its entry, found ${JSON.stringify(keys)} beside ${JSON.stringify(history)}`,
    );
  }
  return { historyMs, keysMs, doneMs: parsed("retain.done", done) };
}
