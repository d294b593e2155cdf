import { limits } from "../../limits.ts";
import type { Entry } from "./entry.ts";

/** The size of all texts of an entry. @param sizeOf the size of one text */
export function textsOf(
  entry: Omit<Entry, "snapshot"> & Partial<Pick<Entry, "snapshot">>,
  sizeOf: (text: string) => number,
): number {
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

/** The first of some entries: as many as a process may hold at once, and at least one. It reads no further. */
export async function pageOf<Read extends Omit<Entry, "snapshot">>(
  entries: Iterable<Read> | AsyncIterable<Read>,
): Promise<readonly Read[]> {
  const page: Read[] = [];
  let length = 0;
  for await (const entry of entries) {
    page.push(entry);
    length += textsOf(entry, (text) => text.length);
    if (length >= limits.pageLengthMax) break;
  }
  return page;
}
