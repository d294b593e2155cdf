import { MongoServerError, ReadConcern } from "mongodb";
import { counted } from "../../counted.ts";
import { LockstepError, messageOf } from "../../errors.ts";
import { limits } from "../../limits.ts";
import type { TypedBytes } from "../../mongo/bson/elements.ts";
import { idText, sentAs } from "../../mongo/bson/typed-bytes.ts";
import { isEndedByServer, isNetworkTrouble } from "../../mongo/transient.ts";
import { lastOf } from "../migration/progress.ts";
import type { Runner } from "../migration/runner.ts";
import { ChangeFailed, changeOf, type Unit, writeUnits } from "./batches/batch-work.ts";
import { type Batch, batchSizeOf, readBatch } from "./batches/read-batch.ts";
import type { CollectionChange } from "./collection-change.ts";

/** A document on which an operation fails, and why. */
interface Offender {
  readonly id: string;
  readonly error: string;
}

/** The state of a second look. It never commits anything. */
interface Look {
  readonly runner: Runner;
  readonly collection: string;
  readonly change: CollectionChange;
  readonly untilMs: number;
  readonly found: Offender[];
}

const isOver = ({ runner, untilMs, found }: Look) =>
  found.length >= limits.offendingDocumentsMax || runner.options.clock.monotonicMs() > untilMs;

/** The error of a look that the server ended for its duration, so that nothing more can be found. */
class LookEnded extends Error {}

/**
 * Writes units in a transaction and takes them back.
 * @returns the server's refusal, or null
 */
async function trial(look: Look, units: readonly Unit[]): Promise<MongoServerError | null> {
  const { options } = look.runner;
  options.signal.throwIfAborted();
  const session = options.client.startSession();
  try {
    session.startTransaction({
      readConcern: new ReadConcern("snapshot"),
      readPreference: "primary",
    });
    await writeUnits(look.runner, look.collection, look.change, units, session);
    return null;
  } catch (error) {
    if (isEndedByServer(error)) throw new LookEnded("a trial was ended", { cause: error });
    if (!(error instanceof MongoServerError) || isNetworkTrouble(error)) throw error;
    return error;
  } finally {
    if (session.inTransaction()) await session.abortTransaction().catch(() => {});
    await session.endSession();
  }
}

/**
 * Lets the server judge units by the operation's filter alone.
 * @returns the server's refusal, or null
 */
async function filterTrial(look: Look, units: readonly Unit[]): Promise<MongoServerError | null> {
  const { options } = look.runner;
  options.signal.throwIfAborted();
  const _id = { $in: units.map(({ id }, index) => sentAs(String(index), id) as never) };
  try {
    await options.client
      .db(options.databaseName)
      .collection(look.collection)
      .find({ $and: [{ _id }, look.change.filter] }, { projection: { _id: 1 }, raw: true })
      .hint({ _id: 1 })
      .toArray();
    return null;
  } catch (error) {
    if (isEndedByServer(error)) throw new LookEnded("a trial was ended", { cause: error });
    if (!(error instanceof MongoServerError) || isNetworkTrouble(error)) throw error;
    return error;
  }
}

/**
 * Finds the units that the server refuses, by halving: the last unit of the shortest failing prefix is one. (Prefixes
 * also find two documents that only fail together.)
 */
async function findRefused(look: Look, units: readonly Unit[], judge = trial): Promise<void> {
  let left = [...units];
  let passed = 0;
  for (let error = await judge(look, left); error !== null; error = await judge(look, left)) {
    let failed = left.length;
    while (failed - passed > 1) {
      const middle = Math.floor((passed + failed) / 2);
      const refusal = await judge(look, left.slice(0, middle));
      if (refusal === null) passed = middle;
      else [failed, error] = [middle, refusal];
    }
    look.found.push({ id: idText(left[failed - 1]?.id), error: messageOf(error) });
    left = left.toSpliced(failed - 1, 1);
    if (isOver(look)) break;
  }
}

/** Finds the documents of one batch on which the step's function throws, or which the server refuses. */
async function findIn(look: Look, batch: Batch): Promise<void> {
  const { change } = look;
  if ("update" in change) {
    const units = batch.map(({ id }) => ({ id, update: null }));
    return findRefused(look, units);
  }
  const units: Unit[] = [];
  for (const { id, bytes } of batch) {
    try {
      const update = changeOf(change, bytes);
      if (update !== null) units.push({ id, update });
    } catch (error) {
      if (!(error instanceof ChangeFailed)) throw error;
      look.found.push({ id: idText(id), error: error.message });
    }
    if (isOver(look)) return;
  }
  await findRefused(look, units);
}

/** Walks a collection from the cursor on, batch by batch, until enough is found. */
async function walk(
  look: Look,
  change: CollectionChange,
  judge: (batch: Batch) => Promise<void>,
): Promise<void> {
  const { runner, collection } = look;
  const { documents: size } = await batchSizeOf(runner, collection);
  let last: TypedBytes | null = lastOf(runner.progress);
  while (!isOver(look)) {
    const batch: Batch = await readBatch(runner, collection, change, last, size);
    if (batch.length === 0) break;
    await judge(batch);
    last = batch.at(-1)?.id ?? null;
  }
}

/** Finds the documents on which the operation's filter itself fails: no batch can be read by it. */
async function findUnfiltered(look: Look): Promise<void> {
  // A filter that fails on no document at all is wrong in itself.
  if ((await filterTrial(look, [])) !== null) return;
  await walk(look, { filter: {}, update: [] }, (batch) =>
    findRefused(
      look,
      batch.map(({ id }) => ({ id, update: null })),
      filterTrial,
    ),
  );
}

/**
 * Searches the documents on which an operation fails, from the cursor on. It writes nothing.
 * @returns the error that names up to ten of them, or the given error where no document is to blame
 */
export async function blameDocuments(
  runner: Runner,
  collection: string,
  change: CollectionChange,
  cause: unknown,
): Promise<unknown> {
  const untilMs = runner.options.clock.monotonicMs() + limits.offenderLookMs;
  const look: Look = { runner, collection, change, untilMs, found: [] };
  try {
    // An operation that fails without any document is wrong in itself.
    if ("update" in change && (await trial(look, [])) !== null) return cause;
    await walk(look, change, (batch) => findIn(look, batch)).catch((error: unknown) => {
      const isOfFilter = error instanceof MongoServerError && !isNetworkTrouble(error);
      if (!isOfFilter || isEndedByServer(error)) throw error;
      return findUnfiltered(look);
    });
  } catch (error) {
    if (!(error instanceof LookEnded)) throw error;
  }
  const documents = look.found.slice(0, limits.offendingDocumentsMax);
  if (documents.length === 0) return cause;
  const named = documents.map(({ id, error }) => `${id} (${error})`).join(", ");
  return new LockstepError(
    "step-failed",
    `it fails on ${isOver(look) ? "at least " : ""}${counted(documents.length, "document")} of "${collection}": ${named}`,
    { collection, documents },
    { cause },
  );
}
