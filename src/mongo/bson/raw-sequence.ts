import { createRequire } from "node:module";
import type { Document } from "mongodb";

interface Sequence {
  push(document: Document, bytes: Uint8Array): number;
  toBin(): Uint8Array;
}

// The driver has no public way to send raw documents. `requireKnownDriver` proves this one for the installed version.
const { DocumentSequence } = createRequire(import.meta.url)("mongodb/lib/cmap/commands.js") as {
  DocumentSequence: new (field: string) => Sequence;
};

/** A field of a command with a list of documents, sent as these bytes. */
export function rawSequence(field: string, documents: Uint8Array): Sequence {
  const sequence = new DocumentSequence(field);
  sequence.push({}, documents);
  return sequence;
}
