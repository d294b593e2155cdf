import type { ChangeStreamInsertDocument, Document } from "mongodb";
import { limits } from "../../../limits.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { WorkflowStore } from "../store.ts";
import type { JournalCollection } from "./journal-collection.ts";
import type { StoredEntry } from "./records.ts";

function hintsExcept(except: string | undefined): Document[] {
  const others =
    except === undefined ? {} : { "fullDocument.nonce": { $not: { $regex: `^${except}` } } };
  return [
    { $match: { operationType: "insert", ...others } },
    // A hint leaves the document out: a large one would end the stream.
    { $project: { operationType: 1, documentKey: 1, "fullDocument.partition": 1 } },
  ];
}

type Change = ChangeStreamInsertDocument<Pick<StoredEntry, "_id" | "partition">>;

/**
 * Follows the inserts of the journal until the signal. A stream that has failed is opened anew and not resumed: its
 * place may be what made it fail, and whatever happened in between is covered by a call with null.
 */
export async function watchJournal(
  { stored }: JournalCollection,
  clock: Clock,
  signal: AbortSignal,
  ...[onAppended, except]: Parameters<WorkflowStore["watch"]>
): Promise<void> {
  while (!signal.aborted) {
    const stream = stored.watch<Document, Change>(hintsExcept(except), { maxAwaitTimeMS: 1_000 });
    // The first token comes once the stream is open. From then on it misses nothing.
    stream.once("resumeTokenChanged", () => onAppended(null));
    const end = () => void stream.close().catch(() => {});
    signal.addEventListener("abort", end, { once: true });
    try {
      for await (const { documentKey, fullDocument } of stream) {
        const { actor, revision } = documentKey._id;
        onAppended({ actor, revision, partition: fullDocument.partition });
      }
    } catch {
      await clock.sleep(limits.watchRetryMs, signal);
    } finally {
      signal.removeEventListener("abort", end);
      await stream.close().catch(() => {});
    }
  }
}
