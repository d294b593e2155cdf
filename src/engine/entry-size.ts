import { cutTo, LockstepError } from "../errors.ts";
import type { Entry } from "../journal/store.ts";
import { limits } from "../limits.ts";

/** The bytes of a value as JSON; infinite for one that has none, as one that contains itself. */
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
 * Says why a journal entry is too large to be appended, or null. Pure.
 * @param reserveBytes what an entry of this kind may take more
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
    `expected a snapshot of at most ${snapshotBytesMax} bytes in a journal entry of at most ${bytesMax}, the event "${type}" for "${actor}" makes it ${snapshotBytes} bytes in ${bytes}: keep what is large elsewhere, and refer to it`,
    { actor, event: type, snapshotBytes, snapshotBytesMax, bytes: String(bytes), bytesMax },
  );
}
