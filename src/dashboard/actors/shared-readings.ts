import { LockstepError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import type { Clock } from "../../ports/clock.ts";

interface Reading {
  readonly answer: Promise<unknown>;
  /** The time of the answer. Null: it is still on its way. */
  atMs: number | null;
}

/** Readings of the engine that all pages share. */
export interface SharedReadings {
  /**
   * The answer to a question. However many pages ask, the database is asked once at a time, and not again within a second.
   * @param key tells the question from others
   * @throws LockstepError `too-many-requests`, and all that the reading throws
   */
  ask<Answer>(key: string, read: () => Promise<Answer>): Promise<Answer>;
}

export function createSharedReadings(clock: Clock): SharedReadings {
  const known = new Map<string, Reading>();
  let running = 0;

  /** The oldest answers go first. */
  const forget = () => {
    for (const [key, { atMs }] of known) {
      if (known.size <= limits.dashboardLooksKept) return;
      if (atMs !== null) known.delete(key);
    }
  };
  const begin = (key: string, read: () => Promise<unknown>): Reading => {
    if (running >= limits.dashboardLooksAtOnce) {
      throw new LockstepError(
        "too-many-requests",
        `expected at most ${limits.dashboardLooksAtOnce} readings of actors at once, found so many already: ask again`,
      );
    }
    running += 1;
    const reading: Reading = {
      answer: read().finally(() => {
        running -= 1;
        reading.atMs = clock.monotonicMs();
        forget();
      }),
      atMs: null,
    };
    known.delete(key);
    known.set(key, reading);
    return reading;
  };

  return {
    ask<Answer>(key: string, read: () => Promise<Answer>) {
      const reading = known.get(key);
      const isGood =
        reading !== undefined &&
        (reading.atMs === null || clock.monotonicMs() - reading.atMs < limits.dashboardLookAgeMs);
      return (isGood ? reading : begin(key, read)).answer as Promise<Answer>;
    },
  };
}
