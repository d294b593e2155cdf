import { collections, documentIds } from "../journal/store.ts";
import { asUnreachable } from "../mongo/transient.ts";
import type { Control } from "./fences.ts";

/**
 * Proves with a real write that a majority acknowledges writes: members that look healthy may be delayed or behind.
 * The document serves only this purpose.
 * @throws LockstepError `no-majority`, `database-unreachable`
 */
export async function requireMajorityWrite(
  { client, databaseName }: Control,
  timeoutMs: number,
): Promise<void> {
  try {
    await client.db(databaseName).command({
      update: collections.fences,
      updates: [{ q: { _id: documentIds.majorityProbe }, u: { $inc: { asked: 1 } }, upsert: true }],
      writeConcern: { w: "majority", j: true, wtimeout: timeoutMs },
    });
  } catch (error) {
    throw asUnreachable(error);
  }
}
