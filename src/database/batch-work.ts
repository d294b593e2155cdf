import type { AnyBulkWriteOperation, ClientSession, Document } from "mongodb";
import { assert, messageOf } from "../errors.ts";
import { limits } from "../limits.ts";
import { systemClock } from "../ports/clock.ts";
import type { Batch } from "./read-batch.ts";
import type { Runner } from "./runner.ts";
import type { Application, StepDocument } from "./schema-context.ts";

/** One document's part in a batch: its `_id`, and its update where the step's function made one. */
export interface Unit {
  readonly id: unknown;
  /** Null where a pipeline on the server changes the document. */
  readonly update: Document | null;
}

/** What a batch does: its units, and how many of its documents they come from. */
export interface Work {
  readonly units: readonly Unit[];
  readonly documents: number;
}

/** The step's function threw on a document of a batch. */
export class ChangeFailed extends Error {}

/** The work on a batch. It ends before the batch does where the step's function is slow. */
export function workOf({ ids, documents }: Batch, application: Application): Work {
  if ("update" in application) {
    return { units: ids.map((id) => ({ id, update: null })), documents: ids.length };
  }
  const startMs = systemClock.monotonicMs();
  const units: Unit[] = [];
  let done = 0;
  for (const document of documents) {
    const update = changeOf(application.change, document);
    if (update !== null) units.push({ id: ids[done], update });
    done += 1;
    if (systemClock.monotonicMs() - startMs >= limits.batchComputeMs) break;
  }
  return { units, documents: done };
}

/** @throws ChangeFailed when the step's function throws */
export function changeOf(
  change: (document: StepDocument) => Document | null,
  document: Document,
): Document | null {
  try {
    return change(document);
  } catch (error) {
    throw new ChangeFailed(messageOf(error), { cause: error });
  }
}

/**
 * Writes units in a transaction.
 * @returns how many documents have changed
 */
export async function writeUnits(
  { options }: Runner,
  collection: string,
  application: Application,
  units: readonly Unit[],
  session: ClientSession,
): Promise<number> {
  const target = options.client.db(options.databaseName).collection(collection);
  let result: { readonly matchedCount: number; readonly modifiedCount: number };
  if ("update" in application) {
    const _id = { $in: units.map(({ id }) => id) as never[] };
    result = await target.updateMany({ _id }, [...application.update], { session });
  } else {
    if (units.length === 0) return 0;
    const operations = units.map(({ id, update }): AnyBulkWriteOperation<Document> => {
      return { updateOne: { filter: { _id: id as never }, update: update ?? {} } };
    });
    result = await target.bulkWrite(operations, { session, ordered: true });
  }
  // The transaction has read these documents: an id that names none of them is a defect of ours.
  assert(result.matchedCount === units.length, "each document of a batch is found by its id", {
    expected: units.length,
    got: result.matchedCount,
  });
  return result.modifiedCount;
}
