import type { Deadlines } from "../../../machines/vocabulary.ts";

/** The name of a deadline, as a person sets it: `backing-up` for `backingUpMs`. Pure. */
export function deadlineName(key: keyof Deadlines): string {
  return key.slice(0, -"Ms".length).replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
