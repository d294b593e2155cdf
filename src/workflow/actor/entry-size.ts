import { cutTo, LockstepError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import type { Entry } from "../journal/entry.ts";

/** Room for the names, figures and lengths of a document, of one of its records, and of a text in a list. */
const documentBytes = 2_048;
const recordBytes = 256;
const itemBytes = 16;

/** The size of all texts of an entry. @param sizeOf the size of one text */
export function textsOf(entry: Entry, sizeOf: (text: string) => number): number {
  const { actor, partition, machine, version, eventType, event, eventKey = "", nonce } = entry;
  const { reason, state, snapshot, emitted = "", tags, timers, work } = entry;
  let size = 0;
  const add = (...texts: readonly string[]) => {
    for (const text of texts) size += sizeOf(text);
  };
  add(actor, partition, machine, version, eventType, event, eventKey, nonce, state);
  add(reason?.code ?? "", reason?.message ?? "", snapshot ?? "", emitted, ...tags);
  for (const timer of timers) add(timer.id, timer.sendId, timer.eventType, timer.event);
  for (const { id, name, path, input } of work) add(id, name, path, input);
  return size;
}

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
  if (most <= limits.workflowEntryBytesMax) return;
  const bytes = textsOf(entry, (text) => Buffer.byteLength(text)) + fields;
  if (bytes <= limits.workflowEntryBytesMax) return;
  throw new LockstepError(
    "entry-too-large",
    `expected an actor of at most ${limits.workflowEntryBytesMax} bytes, the event "${cutTo(eventType, limits.eventTypeLengthMax)}" makes "${actor}" ${bytes}: store large values elsewhere, and refer to them`,
    { actor, bytes, bytesMax: limits.workflowEntryBytesMax },
  );
}
