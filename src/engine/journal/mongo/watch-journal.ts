import type { ChangeStream, ChangeStreamInsertDocument, Document, Timestamp } from "mongodb";
import { limits } from "../../../limits.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { WatchListener } from "../store.ts";
import type { JournalCollection } from "./journal-collection.ts";
import type { StoredEntry } from "./records.ts";

/** Ranges, and no pattern: a server looks for these in its oplog, and makes no event of what is left out. */
function hintsExcept(except: string | undefined): Document[] {
  const after = `${except}\uffff`;
  const others =
    except === undefined
      ? {}
      : {
          $or: [
            { "fullDocument.nonce": { $lt: except } },
            { "fullDocument.nonce": { $gt: after } },
          ],
        };
  return [
    { $match: { operationType: "insert", ...others } },
    // A hint leaves the document out: a large one would end the stream.
    { $project: { operationType: 1, documentKey: 1, "fullDocument.partition": 1 } },
  ];
}

type Change = ChangeStreamInsertDocument<Pick<StoredEntry, "_id" | "partition">>;

/**
 * The time of a resume token in seconds, or null where it has another form. A token begins with the type of a timestamp
 * (130) and its seconds, in hexadecimal digits. Pure.
 */
export function secondsOfToken(token: unknown): number | null {
  const data = String((token as { readonly _data?: unknown } | null)?._data);
  const digits = /^82([0-9A-Fa-f]{8})/.exec(data)?.[1];
  return digits === undefined ? null : Number.parseInt(digits, 16);
}

/** Follows the inserts of the journal. */
export class JournalWatch {
  /** All that the cluster wrote before this time has been heard of. Null while the stream is not open. */
  #passedSeconds: number | null = null;
  readonly #listener: WatchListener;

  constructor(listener: WatchListener) {
    this.#listener = listener;
  }

  /** An entry may be on its way for a while after its own time. */
  hasPassed(mark: Timestamp): boolean {
    const passed = this.#passedSeconds;
    return (
      passed !== null && passed >= mark.getHighBitsUnsigned() + limits.engineSweepMarginSeconds
    );
  }

  /**
   * Runs until the signal. A stream that has failed is opened anew and not resumed: its place may be what made it fail,
   * and whatever happened in between is covered by a call with null. So is one that says nothing any more: where its
   * connection is dead, nothing else would end it.
   */
  async run({ stored }: JournalCollection, clock: Clock, signal: AbortSignal): Promise<void> {
    const { onAppended, onBroken } = this.#listener;
    while (!signal.aborted) {
      const stream = stored.watch<Document, Change>(hintsExcept(this.#listener.except), {
        maxAwaitTimeMS: limits.watchAnswerMs,
      });
      const over = new AbortController();
      const ended = AbortSignal.any([signal, over.signal]);
      // The first token comes once the stream is open. From then on it misses nothing.
      stream.once("resumeTokenChanged", () => onAppended(null));
      stream.on("resumeTokenChanged", (token) => {
        if (!ended.aborted) this.#passedSeconds = secondsOfToken(token);
      });
      const silent = untilSilent(stream, clock, ended);
      try {
        await Promise.race([this.#follow(stream), silent]);
      } catch (error) {
        if (!signal.aborted) onBroken?.(error);
        await clock.sleep(limits.watchRetryMs, signal);
      } finally {
        over.abort();
        this.#passedSeconds = null;
        void stream.close().catch(() => {});
      }
    }
  }

  async #follow(stream: ChangeStream<Document, Change>): Promise<void> {
    for await (const { documentKey, fullDocument } of stream) {
      const { actor, revision } = documentKey._id;
      this.#listener.onAppended({ actor, revision, partition: fullDocument.partition });
    }
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
