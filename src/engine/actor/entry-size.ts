import { cutTo, LockstepError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import type { Entry } from "../journal/entry.ts";
import { textsOf } from "../journal/page.ts";

/** Room for the names, figures and lengths of a document, of one of its records, and of a text in a list. */
const documentBytes = 2_048;
const recordBytes = 256;
const itemBytes = 16;

/**
 * Refuses an entry that no document could hold. The driver would refuse it with all entries of its group.
 * @throws LockstepError `entry-too-large`
 */
export function checkSize(entry: Entry): void {
  const { actor, eventType, tags, timers, work } = entry;
  const fields =
    documentBytes + recordBytes * (timers.length + work.length) + itemBytes * tags.length;
  // A character takes three bytes at most, and nearly every entry is small even so.
  const most = 3 * textsOf(entry, (text) => text.length) + fields;
  if (most <= limits.engineEntryBytesMax) return;
  const bytes = textsOf(entry, (text) => Buffer.byteLength(text)) + fields;
  if (bytes <= limits.engineEntryBytesMax) return;
  throw new LockstepError(
    "entry-too-large",
    `expected an actor of at most ${limits.engineEntryBytesMax} bytes, the event "${cutTo(eventType, limits.eventTypeLengthMax)}" makes "${actor}" ${bytes}: store large values elsewhere, and refer to them`,
    { actor, bytes, bytesMax: limits.engineEntryBytesMax },
  );
}
