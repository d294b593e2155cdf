import { type Document, MongoServerError, ReadConcern } from "mongodb";
import { isEndedByServer, isNetworkTrouble } from "../store/transient.ts";
import { type RawField, rawArray, rawOptions } from "./raw-bson.ts";
import { rawSequence } from "./raw-sequence.ts";
import type { Runner } from "./runner.ts";

/** The server's refusal of one document. */
export interface Refusal {
  /** The position of the document; -1 where the server refuses the index itself. */
  readonly at: number;
  readonly code: number;
  readonly error: string;
  /** The key that two documents share, where that is the reason. */
  readonly keyValue: Document | undefined;
}

/** An index on a collection of its own, with the collation that it inherits there. */
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

/** No transaction with it is ever committed, so no client ever sees a collection of this name. */
const trialName = "lockstep_index_trial";

/**
 * Inserts documents one after the other into a new collection with the index, in a transaction that is taken back.
 * @returns the first refusal, or null
 */
export async function tryIndex(
  { options }: Runner,
  { definition, collation }: TrialIndex,
  documents: readonly Uint8Array[],
): Promise<Refusal | null> {
  options.signal.throwIfAborted();
  const database = options.client.db(options.databaseName);
  const session = options.client.startSession();
  try {
    session.startTransaction({ readConcern: new ReadConcern("local"), readPreference: "primary" });
    const inherited = collation === null ? {} : rawOptions([collation]);
    await database.command({ create: trialName, ...inherited }, { session });
    const indexes = rawArray([definition]);
    await database.command({ createIndexes: trialName, indexes }, { session });
    if (documents.length === 0) return null;
    const answer = (await database.command(
      {
        insert: trialName,
        documents: rawSequence("documents", Buffer.concat(documents)),
        ordered: true,
      },
      { session },
    )) as unknown as InsertAnswer;
    const [first] = answer.writeErrors ?? [];
    if (first === undefined) return null;
    return {
      at: first.index,
      code: first.code,
      error: first.errmsg,
      keyValue: first.keyValue,
    };
  } catch (error) {
    const isRefusal = error instanceof MongoServerError && !isNetworkTrouble(error);
    if (!isRefusal || isEndedByServer(error)) throw error;
    return { at: -1, code: Number(error.code), error: error.message, keyValue: undefined };
  } finally {
    if (session.inTransaction()) await session.abortTransaction().catch(() => {});
    await session.endSession();
  }
}
