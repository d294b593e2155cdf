import type { ChangeStream, ChangeStreamInsertDocument, Document } from "mongodb";
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
 * place may be what made it fail, and whatever happened in between is covered by a call with null. So is one that says
 * nothing any more: where its connection is dead, nothing else would end it.
 */
export async function watchJournal(
  { stored }: JournalCollection,
  clock: Clock,
  signal: AbortSignal,
  ...[onAppended, except]: Parameters<WorkflowStore["watch"]>
): Promise<void> {
  while (!signal.aborted) {
    const stream = stored.watch<Document, Change>(hintsExcept(except), {
      maxAwaitTimeMS: limits.watchAnswerMs,
    });
    const over = new AbortController();
    const ended = AbortSignal.any([signal, over.signal]);
    // The first token comes once the stream is open. From then on it misses nothing.
    stream.once("resumeTokenChanged", () => onAppended(null));
    const silent = untilSilent(stream, clock, ended);
    try {
      await Promise.race([follow(stream, onAppended), silent]);
    } catch {
      await clock.sleep(limits.watchRetryMs, signal);
    } finally {
      over.abort();
      void stream.close().catch(() => {});
    }
  }
}

async function follow(
  stream: ChangeStream<Document, Change>,
  onAppended: Parameters<WorkflowStore["watch"]>[0],
): Promise<void> {
  for await (const { documentKey, fullDocument } of stream) {
    const { actor, revision } = documentKey._id;
    onAppended({ actor, revision, partition: fullDocument.partition });
  }
}

/** Resolves once a stream has said nothing for too long, or at the signal. One without news says that each time. */
async function untilSilent(
  stream: ChangeStream<Document, Change>,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  let heardAtMs = clock.monotonicMs();
  stream.on("resumeTokenChanged", () => {
    heardAtMs = clock.monotonicMs();
  });
  for (let leftMs: number = limits.watchSilentMsMax; leftMs > 0 && !signal.aborted; ) {
    await clock.sleep(leftMs, signal);
    leftMs = heardAtMs + limits.watchSilentMsMax - clock.monotonicMs();
  }
}
