import { Binary, MongoServerError } from "mongodb";
import { isLockstepError, LockstepError } from "../../../errors.ts";
import { fencedTransaction } from "../../../leadership/fenced-transaction.ts";
import { type TypedBytes, wrapValue } from "../../../mongo/bson/elements.ts";
import { idText } from "../../../mongo/bson/typed-bytes.ts";
import { isNetworkTrouble } from "../../../mongo/transient.ts";
import { lastOf, type Progress } from "../../migration/progress.ts";
import {
  moved,
  pauseIfAsked,
  type Runner,
  shownNext,
  startedByAfterCommit,
} from "../../migration/runner.ts";
import type { CollectionChange } from "../collection-change.ts";
import { blameDocuments } from "../offenders.ts";
import { type BatchSize, batchAfterCommit, smallerBatch } from "./batch-size.ts";
import { ChangeFailed, workOf, writeUnits } from "./batch-work.ts";
import { batchSizeOf, readBatch } from "./read-batch.ts";

/** True for a failure for which some documents of the batch may be to blame. */
function isOfDocuments(error: unknown): boolean {
  if (error instanceof ChangeFailed) return true;
  return error instanceof MongoServerError && !isNetworkTrouble(error);
}

/** The size of the batches of one operation, which changes. */
interface Sizing {
  size: BatchSize;
}

/** Halves the batch that was tried. Returns whether the next one is smaller. */
function shrink(sizing: Sizing, tried: number): boolean {
  const next = smallerBatch({ ...sizing.size, documents: tried });
  sizing.size = next;
  return next.documents < tried;
}

/** The progress after these documents. The last one has this `_id`. */
function progressAfter(runner: Runner, documents: number, last: TypedBytes | undefined): Progress {
  const { progress } = runner;
  if (last === undefined) return progress;
  return {
    ...progress,
    cursor: { last: new Binary(wrapValue(last)) },
    batches: progress.batches + 1,
    documents: progress.documents + documents,
    shown: shownNext(runner, {
      documents: progress.documents + documents,
      operationDocuments: (progress.shown?.operationDocuments ?? 0) + documents,
    }),
    startedBy: startedByAfterCommit(runner, runner.options.progressField === "rehearsal"),
  };
}

/** Names the document in the error of a batch that the server keeps ending: the batch is one document by then. */
async function withDocument(
  runner: Runner,
  collection: string,
  change: CollectionChange,
  error: LockstepError,
): Promise<LockstepError> {
  const batch = await readBatch(runner, collection, change, lastOf(runner.progress), 1);
  const documents = batch.map(({ id }) => ({ id: idText(id) }));
  const named = documents.map(({ id }) => id).join();
  const message = `document ${named} of "${collection}": ${error.message}`;
  return new LockstepError(error.code, message, { ...error.details, collection, documents });
}

/** The error of a filter by which not even one document is found in time. */
function ofFilter(collection: string, error: LockstepError): LockstepError {
  const message = `the filter of an operation on "${collection}" takes too long, even for one document: ${error.message}, or let the filter use an index`;
  return new LockstepError(error.code, message, { ...error.details, collection });
}

/** Commits one batch of documents after the cursor. */
async function applyBatch(
  runner: Runner,
  collection: string,
  change: CollectionChange,
  sizing: Sizing,
): Promise<{ readonly documents: number; readonly durationMs: number }> {
  const { options, progress } = runner;
  let startMs = 0;
  let changed = 0;
  let tried = sizing.size.documents;
  let isReading = false;
  const { documents, after } = await fencedTransaction(
    options,
    `${options.progressField}-batch`,
    {
      field: options.progressField,
      sequence: progress.sequence,
      shrink: () => shrink(sizing, tried),
    },
    async (session) => {
      startMs = options.clock.monotonicMs();
      const size = sizing.size.documents;
      const last = lastOf(progress);
      [tried, isReading] = [size, true];
      const batch = await readBatch(runner, collection, change, last, size, session);
      isReading = false;
      const work = workOf(batch, change, options.clock);
      tried = work.documents;
      const after = progressAfter(runner, work.documents, batch[work.documents - 1]?.id);
      return { prepared: { ...work, after }, progress: { ...after } };
    },
    async (session, work) => {
      // Counts the changes of the committed attempt alone.
      changed = 0;
      if (work.documents === 0) return;
      changed = await writeUnits(runner, collection, change, work.units, session);
    },
  ).catch(async (error: unknown) => {
    if (!isLockstepError(error, "timeout")) throw error;
    if (isReading) throw ofFilter(collection, error);
    throw await withDocument(runner, collection, change, error);
  });
  runner.changed += changed;
  moved(runner, after);
  return { documents, durationMs: options.clock.monotonicMs() - startMs };
}

/**
 * Applies one operation to a collection, batch by fenced batch, from the cursor on. Batches get smaller
 * while the server ends their transactions, and larger again while they are quick.
 * @throws LockstepError `step-failed` with the documents that are to blame, `timeout`
 */
export async function applyBatches(
  runner: Runner,
  collection: string,
  change: CollectionChange,
): Promise<void> {
  const sizing: Sizing = { size: await batchSizeOf(runner, collection) };
  for (let documents = -1; documents !== 0; ) {
    pauseIfAsked(runner);
    try {
      const done = await applyBatch(runner, collection, change, sizing);
      documents = done.documents;
      sizing.size = batchAfterCommit(sizing.size, done.durationMs);
    } catch (error) {
      if (!isOfDocuments(error)) throw error;
      throw await blameDocuments(runner, collection, change, error);
    }
  }
}
