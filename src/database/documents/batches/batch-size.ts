import { limits } from "../../../limits.ts";

/** The number of documents of the next batch, and the most that any batch takes. */
export interface BatchSize {
  readonly documents: number;
  readonly documentsMax: number;
}

/** The first size, by the average size of a document. Pure. */
export function firstBatchSize(averageBytes: number): BatchSize {
  const fitting = Math.floor(limits.batchBytesMax / Math.max(1, averageBytes));
  const documentsMax = Math.min(limits.batchDocumentsMax, Math.max(1, fitting));
  return { documents: documentsMax, documentsMax };
}

/** Half as many documents, after an attempt that did not commit. Pure. */
export function smallerBatch(size: BatchSize): BatchSize {
  return { ...size, documents: Math.max(1, Math.floor(size.documents / 2)) };
}

/** Twice as many documents after a quick commit, the same number after a slow one. Pure. */
export function batchAfterCommit(size: BatchSize, durationMs: number): BatchSize {
  if (durationMs >= limits.batchQuickMs) return size;
  return { ...size, documents: Math.min(size.documentsMax, 2 * size.documents) };
}
