import { createRequire } from "node:module";
import type { Document } from "mongodb";

interface Sequence {
  push(document: Document, bytes: Uint8Array): number;
}

// The driver has no public way to send raw documents; a test holds this to the pinned version.
const { DocumentSequence } = createRequire(import.meta.url)("mongodb/lib/cmap/commands.js") as {
  DocumentSequence: new (field: string) => Sequence;
};

/** A field of a command that is a list of documents, sent as the bytes that they are. */
export function rawSequence(field: string, documents: Uint8Array): unknown {
  const sequence = new DocumentSequence(field);
  sequence.push({}, documents);
  return sequence;
}
