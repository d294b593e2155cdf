import type { MongoClient, UUID } from "mongodb";
import { LockstepError, messageOf } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { systemClock } from "../../ports/clock.ts";
import { hasCode, serverErrors } from "../server-errors.ts";
import { isNetworkTrouble } from "../transient.ts";
import { keepEmptyTimestamps } from "./empty-timestamps.ts";
import { rawSequence } from "./raw-sequence.ts";

interface InsertAnswer {
  readonly writeErrors?: readonly { readonly code: number; readonly errmsg: string }[];
}

/** What was created is not there any more: a successor, or somebody else, has cleared it away. */
export function anotherCollection(name: string): LockstepError {
  return new LockstepError(
    "restore-failed",
    `expected "${name}" as it was created, it is another one or gone: somebody else restores here`,
  );
}

/**
 * Inserts documents byte for byte (key order, number types and a null `_id` stay).
 * A batch whose answer was lost is sent again: what it finds there already is its own.
 */
export async function insertRaw(
  client: MongoClient,
  databaseName: string,
  into: { readonly name: string; readonly collectionUUID?: UUID },
  bytes: Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    signal.throwIfAborted();
    try {
      const answer = (await client.db(databaseName).command({
        insert: into.name,
        ...(into.collectionUUID ? { collectionUUID: into.collectionUUID } : {}),
        documents: rawSequence("documents", bytes),
        ordered: false,
        bypassDocumentValidation: true,
        writeConcern: { w: "majority", j: true },
      })) as unknown as InsertAnswer;
      if (answer.writeErrors?.some(({ code }) => code === 361)) {
        throw anotherCollection(into.name);
      }
      const errors = (answer.writeErrors ?? []).filter(
        ({ code }) => code !== 11000 || attempt === 1,
      );
      const [first] = errors;
      if (first) {
        throw new LockstepError(
          "restore-failed",
          `${errors.length} documents of "${into.name}" cannot be inserted: ${first.errmsg}: mend the data, or use another copy`,
          { collection: into.name, errors: errors.slice(0, limits.offendingDocumentsMax) },
        );
      }
      await keepEmptyTimestamps(client, databaseName, into, bytes);
      return;
    } catch (error) {
      const again = isNetworkTrouble(error) && attempt < limits.loadAttemptsMax;
      if (error instanceof LockstepError || !again) {
        if (hasCode(error, serverErrors.outOfDiskSpace)) {
          throw new LockstepError("disk-full", `no room for the copy: ${messageOf(error)}`);
        }
        throw error;
      }
      await systemClock.sleep(limits.effectRetryDelayMs, signal);
    }
  }
}
