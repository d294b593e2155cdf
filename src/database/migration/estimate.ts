import { hasCode, serverErrors } from "../../mongo/server-errors.ts";
import type { Runner } from "./runner.ts";

/** The estimate of an operation of a step, and its real figures. */
export interface OperationFigures {
  /** Its kind and its collection, as the step asked for it. */
  readonly operation: string;
  /** The number of documents of the collection when it began. */
  readonly documents: number;
  /** The expected bytes of its writes, with indexes and the oplog. */
  readonly estimatedBytes: number;
  readonly durationMs: number;
}

const rewriting = ["applyToCollection", "renameField", "removeField"];
/** The average bytes of an index entry with its key. A rewritten document stays in storage and oplog for a while. */
const bytesPerIndexEntry = 50;
const rewrittenFactor = 2.5;

/** The expected bytes of an operation's writes, by the size of its collection. Pure. */
export function estimatedBytes(
  kind: string,
  collection: { readonly documents: number; readonly dataBytes: number },
): number {
  if (rewriting.includes(kind)) return Math.ceil(rewrittenFactor * collection.dataBytes);
  return kind === "addIndex" ? bytesPerIndexEntry * collection.documents : 0;
}

// The operation itself refuses a view, or a collection that does not exist.
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
