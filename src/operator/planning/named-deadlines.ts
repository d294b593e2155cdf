import type { Deadlines } from "../../../machines/vocabulary.ts";

/** The deadlines by the names by which a person sets them: `backing-up` for `backingUpMs`. Pure. */
export function namedDeadlines(deadlines: Deadlines): readonly (readonly [string, number])[] {
  return Object.entries(deadlines).map(([key, ms]) => [
    key.slice(0, -"Ms".length).replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
    ms,
  ]);
}
