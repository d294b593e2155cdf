import { hasCode, serverErrors } from "../../mongo/server-errors.ts";
import type { Runner } from "./runner.ts";

/** The estimate of an operation of a step, and its real figures. */
export interface OperationFigures {
  /** Its kind and what it acts on, as the step asked for it. */
  readonly operation: string;
  /** How many documents the collection held when it began. */
  readonly documents: number;
  /** Bytes that it was expected to write, indexes and oplog included. */
  readonly estimatedBytes: number;
  readonly durationMs: number;
}

const rewriting = ["applyToCollection", "renameField", "removeField"];
/** An index entry with its key, on average; a rewritten document stays in storage and oplog for a while. */
const bytesPerIndexEntry = 50;
const rewrittenFactor = 2.5;

/** Bytes that an operation is expected to write, from the size of its collection. Pure. */
export function estimatedBytes(
  kind: string,
  collection: { readonly documents: number; readonly dataBytes: number },
): number {
  if (rewriting.includes(kind)) return Math.ceil(rewrittenFactor * collection.dataBytes);
  return kind === "addIndex" ? bytesPerIndexEntry * collection.documents : 0;
}

// A view is judged by the operation itself, and so is what is not there (any more).
const cannotCount = [
  serverErrors.namespaceNotFound,
  serverErrors.commandNotSupportedOnView,
  serverErrors.unknownField,
];

/** Estimates an operation before it begins. */
export async function estimateOperation(
  { options }: Runner,
  operation: string,
  collection: string | null,
): Promise<Omit<OperationFigures, "durationMs">> {
  const size = { documents: 0, dataBytes: 0 };
  if (collection !== null) {
    const [found] = await options.client
      .db(options.databaseName)
      .collection(collection)
      .aggregate([{ $collStats: { storageStats: {} } }])
      .toArray()
      .catch((error: unknown) => {
        if (hasCode(error, ...cannotCount)) return [];
        throw error;
      });
    size.documents = Number(found?.["storageStats"]?.count ?? 0);
    size.dataBytes = Number(found?.["storageStats"]?.size ?? 0);
  }
  const [kind = ""] = operation.split(" ");
  return { operation, documents: size.documents, estimatedBytes: estimatedBytes(kind, size) };
}
