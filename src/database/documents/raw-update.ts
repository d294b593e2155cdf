import { BSON, type ClientSession, type Db, MongoServerError } from "mongodb";
import { limits } from "../../limits.ts";
import { rawSequence } from "../../mongo/bson/raw-sequence.ts";
import { sentAs } from "../../mongo/bson/typed-bytes.ts";
import type { Unit } from "./batches/batch-work.ts";

interface UpdateAnswer {
  readonly n: number;
  readonly nModified: number;
  readonly writeErrors?: readonly { readonly index: number; readonly errmsg: string }[];
}

/** Groups updates so that each group fits into one message. */
function* messages(updates: readonly Unit[]) {
  let statements: Uint8Array[] = [];
  let bytes = 0;
  for (const { id, update } of updates) {
    if (update === null) continue;
    const query = { _id: { $eq: sentAs("$eq", id) } };
    const statement = BSON.serialize({ q: query, u: sentAs("u", update) });
    if (statements.length > 0 && bytes + statement.length > limits.updateBytesMax) {
      yield statements;
      statements = [];
      bytes = 0;
    }
    statements.push(statement);
    bytes += statement.length;
  }
  if (statements.length > 0) yield statements;
}

/**
 * Updates documents in a transaction, in their order.
 * @throws MongoServerError of the first one that the server refuses
 */
export async function updateRaw(
  database: Db,
  collection: string,
  updates: readonly Unit[],
  session: ClientSession,
): Promise<{ readonly matchedCount: number; readonly modifiedCount: number }> {
  let [matchedCount, modifiedCount] = [0, 0];
  for (const statements of messages(updates)) {
    const answer = (await database.command(
      { update: collection, updates: rawSequence("updates", Buffer.concat(statements)) },
      { session },
    )) as unknown as UpdateAnswer;
    const [refused] = answer.writeErrors ?? [];
    if (refused) throw new MongoServerError({ ...refused });
    matchedCount += answer.n;
    modifiedCount += answer.nModified;
  }
  return { matchedCount, modifiedCount };
}
