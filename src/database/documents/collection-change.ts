import type { Document, Filter } from "mongodb";
import type { TypedBytes } from "../../mongo/bson/elements.ts";

/** A change of single documents, decided from the bytes of each. */
export interface DocumentChange {
  readonly filter: Filter<Document>;
  /**
   * Returns update operators for one document, or null to leave it, and throws where it refuses the document. It is
   * pure.
   */
  readonly changeOf: (bytes: Uint8Array) => TypedBytes | null;
}

/** A change of a collection in batches: by a pipeline on the server, or document by document. */
export type CollectionChange =
  | DocumentChange
  | { readonly filter: Filter<Document>; readonly update: readonly Document[] };
