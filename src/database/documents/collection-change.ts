import type { Document, Filter } from "mongodb";
import type { TypedBytes } from "../../mongo/bson/typed-bytes.ts";

/** A change of single documents, decided from the bytes of each. */
export interface DocumentChange {
  readonly filter: Filter<Document>;
  /** Pure: update operators for one document, or null to leave it; throws where it refuses it. */
  readonly changeOf: (bytes: Uint8Array) => TypedBytes | null;
}

/** How a collection is changed batch by batch: by a pipeline on the server, or document by document. */
export type CollectionChange =
  | DocumentChange
  | { readonly filter: Filter<Document>; readonly update: readonly Document[] };
