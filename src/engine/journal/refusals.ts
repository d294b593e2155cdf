import { assert, LockstepError } from "../../errors.ts";
import type { Entry } from "./entry.ts";
import type { Fence } from "./store.ts";

/** An entry that a caller's transaction cannot hold. */
export function refusedEntry(
  { actor, revision, eventKey }: Entry,
  kind: "revision-taken" | "duplicate",
): LockstepError {
  return kind === "revision-taken"
    ? new LockstepError(
        "conflict",
        `expected to append revision ${revision} of the actor "${actor}", found another entry there: begin the transaction again`,
        { actor, revision },
      )
    : new LockstepError(
        "duplicate",
        `expected a new key for an event of the actor "${actor}", found an entry with the key "${eventKey}": nothing of this transaction took effect`,
        { actor, eventKey },
      );
}

/** The error of a worker that has lost its right to append. */
export function fencedOut({ worker, epoch }: Fence): LockstepError {
  return new LockstepError(
    "fenced",
    `another worker has taken over from "${worker}" at epoch ${epoch}`,
    { worker, epoch },
  );
}

/** The error of a session in which nothing commits together. */
export function noTransaction(): LockstepError {
  return new LockstepError(
    "bad-argument",
    "expected a session within a transaction, found one without: call within `session.withTransaction`",
  );
}

/** Refuses two entries of one actor in one append: the second one would not see the fate of the first one. */
export function requireOneAnActor(entries: readonly Entry[]): void {
  const actors = new Set(entries.map(({ actor }) => actor));
  assert(actors.size === entries.length, "at most one entry an actor in an append");
}

/** The error of a server that only looks like MongoDB. */
export function databaseNotSupported(expected: string, found: string): LockstepError {
  return new LockstepError(
    "database-not-supported",
    `expected ${expected}, found ${found}: use a replica set of MongoDB itself`,
    { expected, found },
  );
}
