import { LockstepError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import type { Clock } from "../../ports/clock.ts";

interface Look {
  readonly answer: Promise<unknown>;
  /** When the answer was there. Null: it is still on its way. */
  atMs: number | null;
}

/** Readings of the engine that all pages share. */
export interface Looks {
  /**
   * The answer to a question. However many pages ask, the database is asked once at a time, and not again within a second.
   * @param key tells the question from others
   * @throws LockstepError `too-many-requests`, and all that the reading throws
   */
  ask<Answer>(key: string, read: () => Promise<Answer>): Promise<Answer>;
}

export function createLooks(clock: Clock): Looks {
  const known = new Map<string, Look>();
  let running = 0;

  /** The oldest answers go first. */
  const forget = () => {
    for (const [key, { atMs }] of known) {
      if (known.size <= limits.dashboardLooksKept) return;
      if (atMs !== null) known.delete(key);
    }
  };
  const begin = (key: string, read: () => Promise<unknown>): Look => {
    if (running >= limits.dashboardLooksAtOnce) {
      throw new LockstepError(
        "too-many-requests",
        `expected at most ${limits.dashboardLooksAtOnce} readings of actors at once, found so many already: ask again`,
      );
    }
    running += 1;
    const look: Look = {
      answer: read().finally(() => {
        running -= 1;
        look.atMs = clock.monotonicMs();
        forget();
      }),
      atMs: null,
    };
    known.delete(key);
    known.set(key, look);
    return look;
  };

  return {
    ask<Answer>(key: string, read: () => Promise<Answer>) {
      const look = known.get(key);
      const isGood =
        look !== undefined &&
        (look.atMs === null || clock.monotonicMs() - look.atMs < limits.dashboardLookAgeMs);
      return (isGood ? look : begin(key, read)).answer as Promise<Answer>;
    },
  };
}
