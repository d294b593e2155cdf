import { type Document, MongoServerError, ReadConcern } from "mongodb";
import { type RawField, rawArray, rawOptions } from "../../mongo/bson/raw-bson.ts";
import { rawSequence } from "../../mongo/bson/raw-sequence.ts";
import { isEndedByServer, isNetworkTrouble } from "../../mongo/transient.ts";
import type { Runner } from "../migration/runner.ts";

/** The server's refusal of one document. */
export interface Refusal {
  /** The position of the document, or -1 where the server refuses the index itself. */
  readonly at: number;
  readonly code: number;
  readonly error: string;
  /** The key that two documents share, where that is the reason. */
  readonly keyValue: Document | undefined;
}

/** An index on a collection of its own, and the collation that it inherits there. */
export interface TrialIndex {
  readonly definition: Uint8Array;
  readonly collation: RawField | null;
}

interface InsertAnswer {
  readonly writeErrors?: readonly {
    readonly index: number;
    readonly code: number;
    readonly errmsg: string;
    readonly keyValue?: Document;
  }[];
}

/** No transaction with this collection is ever committed, so no client ever sees the name. */
const trialName = "lockstep_index_trial";

interface Place {
  readonly options: Pick<Runner["options"], "client" | "databaseName" | "signal">;
}

/** Runs a command on a new collection in a transaction. */
type Ask = (command: Document) => Promise<Document>;

/**
 * Creates a collection in a transaction that is rolled back.
 * @returns the result of `act`, or the server's refusal of a command
 */
async function withTrial<Result>(
  { options }: Place,
  collation: RawField | null,
  act: (ask: Ask) => Promise<Result>,
): Promise<Result | MongoServerError> {
  options.signal.throwIfAborted();
  const database = options.client.db(options.databaseName);
  const session = options.client.startSession();
  try {
    session.startTransaction({ readConcern: new ReadConcern("local"), readPreference: "primary" });
    const ask: Ask = (command) => database.command(command, { session });
    await ask({ create: trialName, ...(collation === null ? {} : rawOptions([collation])) });
    return await act(ask);
  } catch (error) {
    const isRefusal = error instanceof MongoServerError && !isNetworkTrouble(error);
    if (!isRefusal || isEndedByServer(error)) throw error;
    return error;
  } finally {
    if (session.inTransaction()) await session.abortTransaction().catch(() => {});
    await session.endSession();
  }
}

const creating = (...definitions: readonly Uint8Array[]): Document => ({
  createIndexes: trialName,
  indexes: rawArray(definitions),
});

/**
 * Creates indexes on a new, empty collection, in a transaction that is rolled back.
 * @returns the server's refusal, or null
 */
export async function tryIndexes(
  options: Place["options"],
  collation: RawField | null,
  definitions: readonly Uint8Array[],
): Promise<string | null> {
  const answer = await withTrial({ options }, collation, (ask) => ask(creating(...definitions)));
  return answer instanceof MongoServerError ? answer.message : null;
}

/**
 * Inserts documents one by one into a new collection with the index, in a transaction that is rolled back.
 * @returns the first refusal, or null
 */
export async function tryIndex(
  runner: Runner,
  { definition, collation }: TrialIndex,
  documents: readonly Uint8Array[],
): Promise<Refusal | null> {
  const answer = await withTrial(runner, collation, async (ask): Promise<InsertAnswer> => {
    await ask(creating(definition));
    if (documents.length === 0) return {};
    const bytes = rawSequence("documents", Buffer.concat(documents));
    return ask({ insert: trialName, documents: bytes, ordered: true });
  });
  if (answer instanceof MongoServerError) {
    return { at: -1, code: Number(answer.code), error: answer.message, keyValue: undefined };
  }
  const [first] = answer.writeErrors ?? [];
  if (first === undefined) return null;
  return { at: first.index, code: first.code, error: first.errmsg, keyValue: first.keyValue };
}

/** True where the server takes an index for the present one: it creates no other, and refuses nothing. */
export async function isTakenForSame(
  runner: Runner,
  there: TrialIndex,
  asked: Uint8Array,
): Promise<boolean> {
  const answer = await withTrial(runner, there.collation, async (ask) => {
    await ask(creating(there.definition));
    return ask(creating(asked));
  });
  if (answer instanceof MongoServerError) return false;
  return answer["numIndexesAfter"] === answer["numIndexesBefore"];
}
