import {
  type ClientSession,
  type Db,
  type Document,
  type MongoClient,
  ReadConcern,
  type WriteConcern,
} from "mongodb";
import { limits } from "../limits.ts";
import { hasCode, serverErrors } from "../mongo/server-errors.ts";
import { isTransient, isUnknownOutcome, isWriteTimeout } from "../mongo/transient.ts";
import type { Clock } from "../ports/clock.ts";
import type { Write } from "./store.ts";

/** The expectation of one write does not hold. */
export class Refused extends Error {
  /** The place of that write. */
  readonly write: number;
  constructor(write: number) {
    super("a write's expectation does not hold");
    this.write = write;
  }
}

/** The means of a transaction on the control database. */
export interface Transactions {
  readonly client: MongoClient;
  readonly database: Db;
  readonly writeConcern: WriteConcern;
  readonly clock: Clock;
  readonly closing: AbortSignal;
}

/** Changes one document. @throws Refused */
export async function applyWrite(
  database: Db,
  { collection, id, expect, set = {}, increment = {}, remove = [] }: Write,
  index: number,
  session?: ClientSession,
): Promise<void> {
  const documents = database.collection<{ _id: string } & Document>(collection);
  const options = session ? { session } : {};
  if (expect === null) {
    try {
      await documents.insertOne({ _id: id, ...set, ...increment }, options);
    } catch (error) {
      throw hasCode(error, serverErrors.duplicateKey) ? new Refused(index) : error;
    }
    return;
  }
  const update = {
    ...(Object.keys(set).length > 0 ? { $set: set } : {}),
    ...(Object.keys(increment).length > 0 ? { $inc: increment } : {}),
    ...(remove.length > 0 ? { $unset: Object.fromEntries(remove.map((path) => [path, ""])) } : {}),
  };
  const result = await documents.updateOne({ _id: id, ...expect }, update, options);
  if (result.matchedCount !== 1) throw new Refused(index);
}

/** Commits, also again: the server answers with the outcome of the first commit. */
async function commit(session: ClientSession, { clock, closing }: Transactions): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await session.commitTransaction();
      return;
    } catch (error) {
      const isOver = isWriteTimeout(error) || attempt >= limits.commitAttemptsMax;
      if (!isUnknownOutcome(error) || isOver) throw error;
      await clock.sleep(limits.leaseAcquirePollMs, closing);
    }
  }
}

/** Runs one transaction, again while it had no effect. The caller reads back an unknown commit. */
export async function transact(
  transactions: Transactions,
  body: (session: ClientSession) => Promise<void>,
): Promise<void> {
  const { client, writeConcern, clock, closing } = transactions;
  for (let attempt = 1; ; attempt += 1) {
    const session = client.startSession();
    try {
      session.startTransaction({
        readConcern: new ReadConcern("snapshot"),
        writeConcern,
        readPreference: "primary",
      });
      await body(session);
      await commit(session, transactions);
      return;
    } catch (error) {
      if (session.inTransaction()) await session.abortTransaction().catch(() => {});
      if (!isTransient(error) || attempt >= limits.transactionAttemptsMax) throw error;
      await clock.sleep(Math.min(2 ** attempt, 100), closing);
    } finally {
      await session.endSession();
    }
  }
}

/**
 * Writes one document without a transaction, since that is atomic by itself. A transaction whose process dies stays
 * open for a minute, and locks the document in which the agent's next process has to register.
 * @throws Refused
 */
export async function applyAll(
  transactions: Transactions,
  writes: readonly Write[],
): Promise<void> {
  const { database } = transactions;
  const [first, ...others] = writes;
  if (first && others.length === 0) return applyWrite(database, first, 0);
  await transact(transactions, async (session) => {
    for (const [index, write] of writes.entries()) {
      await applyWrite(database, write, index, session);
    }
  });
}
