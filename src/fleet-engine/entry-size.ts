import { cutTo, LockstepError } from "../errors.ts";
import type { Entry } from "../journal/store.ts";
import { limits } from "../limits.ts";

/** The bytes of a value as JSON. They are infinite for a value without JSON, as one that contains itself. */
function bytesOf(value: unknown): number {
  try {
    const json = JSON.stringify(value, (_key, held) =>
      typeof held === "bigint" ? String(held) : held,
    );
    return Buffer.byteLength(json);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/**
 * Says why a journal entry is too large, or null. Pure.
 * @param reserveBytes how many bytes more an entry of this kind may take
 */
export function tooLarge(entry: Entry, reserveBytes: number): LockstepError | null {
  const { actor, event, timers, effects } = entry;
  const snapshotBytes = Buffer.byteLength(entry.snapshot);
  const bytes = snapshotBytes + bytesOf({ event, timers, effects });
  const snapshotBytesMax = limits.snapshotBytesMax + reserveBytes;
  const bytesMax = limits.entryBytesMax + reserveBytes;
  if (snapshotBytes <= snapshotBytesMax && bytes <= bytesMax) return null;
  const type = cutTo(event.type, limits.eventTypeLengthMax);
  return new LockstepError(
    "entry-too-large",
    `expected a snapshot of at most ${snapshotBytesMax} bytes in a journal entry of at most ${bytesMax}, the event "${type}" for "${actor}" makes it ${snapshotBytes} bytes in ${bytes}: store large values elsewhere, and refer to them`,
    { actor, event: type, snapshotBytes, snapshotBytesMax, bytes: String(bytes), bytesMax },
  );
}
