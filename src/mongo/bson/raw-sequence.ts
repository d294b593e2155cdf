import { type Document, MongoError } from "mongodb";
// The driver has no public way to send raw documents. `requireKnownDriver` proves this one for the installed version. It
// is a plain import, so that a bundler takes it from the same copy as all else of the driver.
// @ts-expect-error: the driver has no types for this module
import { DocumentSequence, OpMsgRequest } from "mongodb/lib/cmap/commands.js";

interface Sequence {
  push(document: Document, bytes: Uint8Array): number;
  toBin(): Uint8Array;
}

/** A field of a command with a list of documents, sent as these bytes. */
export function rawSequence(field: string, documents: Uint8Array): Sequence {
  const sequence: Sequence = new DocumentSequence(field);
  sequence.push({}, documents);
  return sequence;
}

/**
 * True where sequences are of another copy of the driver than its clients, which take them for plain objects. A bundle may
 * have two. The copy shows by the class of its errors.
 */
export function isOfOtherCopy(
  Request: new (...given: unknown[]) => unknown = OpMsgRequest,
): boolean {
  try {
    new Request("admin", null, {});
    return false;
  } catch (error) {
    const isOfDriver = error instanceof Error && error.name.startsWith("Mongo");
    return isOfDriver && !(error instanceof MongoError);
  }
}
