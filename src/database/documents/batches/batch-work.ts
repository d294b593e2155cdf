import type { ClientSession } from "mongodb";
import { assert, messageOf } from "../../../errors.ts";
import { limits } from "../../../limits.ts";
import type { TypedBytes } from "../../../mongo/bson/elements.ts";
import { sentAs } from "../../../mongo/bson/typed-bytes.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { Runner } from "../../migration/runner.ts";
import type { CollectionChange, DocumentChange } from "../collection-change.ts";
import { updateRaw } from "../raw-update.ts";
import type { Batch } from "./read-batch.ts";

/** One document's part in a batch: its `_id`, and its update where the step's function made one. */
export interface Unit {
  readonly id: TypedBytes;
  /** Null where a pipeline on the server changes the document. */
  readonly update: TypedBytes | null;
}

/** The work of a batch: its units, and the number of documents from which they come. */
export interface Work {
  readonly units: readonly Unit[];
  readonly documents: number;
}

/** The error of a step's function that threw on a document. */
export class ChangeFailed extends Error {}

/** The work on a batch. It covers fewer documents than the batch where the step's function is slow. */
export function workOf(batch: Batch, change: CollectionChange, clock: Clock): Work {
  if ("update" in change) {
    return { units: batch.map(({ id }) => ({ id, update: null })), documents: batch.length };
  }
  const startMs = clock.monotonicMs();
  const units: Unit[] = [];
  let done = 0;
  for (const { id, bytes } of batch) {
    const update = changeOf(change, bytes);
    if (update !== null) units.push({ id, update });
    done += 1;
    if (clock.monotonicMs() - startMs >= limits.batchComputeMs) break;
  }
  return { units, documents: done };
}

/** @throws ChangeFailed when the step's function throws */
export function changeOf(change: DocumentChange, bytes: Uint8Array): TypedBytes | null {
  try {
    return change.changeOf(bytes);
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
  change: CollectionChange,
  units: readonly Unit[],
  session: ClientSession,
): Promise<number> {
  const database = options.client.db(options.databaseName);
  let result: { readonly matchedCount: number; readonly modifiedCount: number };
  if ("update" in change) {
    const _id = { $in: units.map(({ id }, index) => sentAs(String(index), id) as never) };
    const pipeline = [...change.update];
    result = await database.collection(collection).updateMany({ _id }, pipeline, { session });
  } else {
    result = await updateRaw(database, collection, units, session);
  }
  // The transaction has read these documents, so an id that matches none of them is a defect of ours.
  assert(result.matchedCount === units.length, "each document of a batch is found by its id", {
    expected: units.length,
    got: result.matchedCount,
  });
  return result.modifiedCount;
}
