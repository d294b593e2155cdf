import type { MongoClient, UUID } from "mongodb";
import { counted } from "../../counted.ts";
import { LockstepError, messageOf } from "../../errors.ts";
import { limits } from "../../limits.ts";
import type { Clock } from "../../ports/clock.ts";
import { hasCode, serverErrors } from "../server-errors.ts";
import { isNetworkTrouble } from "../transient.ts";
import { keepEmptyTimestamps } from "./empty-timestamps.ts";
import { rawSequence } from "./raw-sequence.ts";

interface InsertAnswer {
  readonly writeErrors?: readonly { readonly code: number; readonly errmsg: string }[];
}

/** The error of a created collection that is gone or replaced, since another process has cleared it away. */
export function anotherCollection(name: string): LockstepError {
  return new LockstepError(
    "restore-failed",
    `expected "${name}" as it was created, found another one or none: another process restores here; stop one of the two`,
  );
}

/** A database into which raw documents go. */
export interface RawInserting {
  readonly client: MongoClient;
  readonly databaseName: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/**
 * Inserts documents byte for byte (the order of keys, the types of numbers and a null `_id` stay). It sends a batch
 * again whose answer was lost. The documents that it finds there then are its own.
 */
export async function insertRaw(
  { client, databaseName, clock, signal }: RawInserting,
  into: { readonly name: string; readonly collectionUUID?: UUID },
  bytes: Uint8Array,
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
      if (answer.writeErrors?.some(({ code }) => code === serverErrors.collectionUuidMismatch)) {
        throw anotherCollection(into.name);
      }
      const errors = (answer.writeErrors ?? []).filter(
        ({ code }) => code !== serverErrors.duplicateKey || attempt === 1,
      );
      const [first] = errors;
      if (first) {
        throw new LockstepError(
          "restore-failed",
          `${counted(errors.length, "document")} of "${into.name}" cannot be inserted: ${first.errmsg}: correct the data, or use another copy`,
          { collection: into.name, errors: errors.slice(0, limits.offendingDocumentsMax) },
        );
      }
      await keepEmptyTimestamps(client, databaseName, into, bytes);
      return;
    } catch (error) {
      const again = isNetworkTrouble(error) && attempt < limits.loadAttemptsMax;
      if (error instanceof LockstepError || !again) {
        if (hasCode(error, serverErrors.outOfDiskSpace)) {
          throw new LockstepError(
            "disk-full",
            `no room for the copy: ${messageOf(error)}: make room on the members' disks, then try again`,
          );
        }
        throw error;
      }
      await clock.sleep(limits.effectRetryDelayMs, signal);
    }
  }
}
