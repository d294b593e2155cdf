import { collections, documentIds } from "../journal/store.ts";
import { asUnreachable } from "../mongo/transient.ts";
import type { Control } from "./fences.ts";

/**
 * Asks with a real write whether a majority acknowledges any: members may look healthy and be delayed, or behind.
 * The document is there for this alone.
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
