import { type ClientSession, type Document, type MongoClient, UUID } from "mongodb";
import { LockstepError } from "../../errors.ts";
import { documentIds } from "../../journal/store.ts";
import { type Control, readFence } from "../../leadership/fences.ts";
import { limits } from "../../limits.ts";
import { fieldAt, type TypedBytes } from "../../mongo/bson/elements.ts";
import { bsonType } from "../../mongo/bson/raw-bson.ts";
import { idText, printed } from "../../mongo/bson/typed-bytes.ts";
import { hasCode, serverErrors } from "../../mongo/server-errors.ts";
import type { FaultPoints } from "../../ports/fault-point.ts";
import { clusterTimeAt, parseBackupTime, writeMarker } from "../backup/backup-time.ts";
import { isOfRestore } from "../restore/restore-names.ts";

/** A write from outside the upgrade. */
export interface ForeignWrite {
  readonly collection: string;
  readonly operation: string;
  readonly id: string;
}

export interface ForeignWritesOptions {
  readonly client: MongoClient;
  readonly databaseName: string;
  readonly control: Control;
  /** The time T of the copies. */
  readonly time: string;
  /** Conditions on the server's events, beside or in place of the usual ones. */
  readonly only?: Document;
  readonly faultPoints: FaultPoints;
  readonly signal: AbortSignal;
}

/** The server's errors where the oplog no longer reaches back far enough for a change stream. */
const historyLost = [
  serverErrors.changeStreamHistoryLost,
  serverErrors.changeStreamFatal,
  serverErrors.cappedPositionLost,
];

/** The sessions of the upgrade's own transactions, of whichever master. */
async function ownSessions({ control }: ForeignWritesOptions): Promise<readonly string[]> {
  const fence = await readFence(control);
  return fence?.sessions ?? [];
}

/** An event of a write from outside. */
export interface WriteEvent extends ForeignWrite {
  readonly session: string | undefined;
  /** The `_id` of the document, as bytes. */
  readonly key: TypedBytes | undefined;
  /** The document, where it was asked for and was there to be looked up. */
  readonly document: TypedBytes | undefined;
}

interface Batch {
  readonly events: readonly WriteEvent[];
  /** A text that sorts by the cluster's time. All events up to here were examined. */
  readonly until: string;
  readonly cursor: unknown;
}

function eventOf(bytes: Uint8Array): WriteEvent {
  const at = (...names: readonly string[]) =>
    names.reduce<TypedBytes | undefined>((found, name) => found && fieldAt(found.value, name), {
      type: bsonType.document,
      value: bytes,
    });
  const session = at("lsid", "id");
  return {
    collection: idText(at("ns", "coll")),
    operation: idText(at("operationType")),
    id: printed(at("documentKey", "_id")),
    ...{ key: at("documentKey", "_id"), document: at("fullDocument") },
    // The id comes after its length and its subtype.
    session: session && new UUID(session.value.subarray(5)).toHexString(),
  };
}

async function command(
  { client, databaseName }: ForeignWritesOptions,
  body: Document,
  session: ClientSession,
): Promise<Batch> {
  // A cursor's number has to return in the type in which it came, also when it is small. An `_id` may be a value that
  // JavaScript cannot hold. So both stay bytes.
  const fieldsAsRaw = { firstBatch: true, nextBatch: true };
  const asTheyAre = { session, promoteLongs: false, fieldsAsRaw };
  const { cursor } = await client.db(databaseName).command(body, asTheyAre);
  return {
    events: ((cursor.firstBatch ?? cursor.nextBatch) as Uint8Array[]).map(eventOf),
    until: String(cursor.postBatchResumeToken?._data),
    cursor: cursor.id,
  };
}

async function closeCursor(
  { client, databaseName }: ForeignWritesOptions,
  { cursor }: Batch,
  session: ClientSession,
): Promise<void> {
  const kill = { killCursors: "$cmd.aggregate", cursors: [cursor] };
  await client.db(databaseName).command(kill, { session });
}

const open = (stage: Document, match: Document, withDocuments = false): Document => ({
  aggregate: 1,
  pipeline: [
    { $changeStream: { ...stage, ...(withDocuments && { fullDocument: "updateLookup" }) } },
    { $match: match },
    {
      $project: {
        ...{ ns: 1, operationType: 1, documentKey: 1, "lsid.id": 1 },
        ...(withDocuments && { fullDocument: 1 }),
      },
    },
  ],
  cursor: { batchSize: limits.offendingDocumentsMax },
  readConcern: { level: "majority" },
});

/**
 * Searches the oplog from T to now for writes to the database that no fenced transaction made. The server keeps a
 * transaction's session in its change events, and the fence keeps ours. Definitions are left to the comparison of
 * catalogues. The server reports no events of a time series.
 * @param withDocuments also reads the documents: as it was inserted, or as it is now where it was updated
 * @throws LockstepError `foreign-writes` when the oplog no longer reaches back to T
 */
export async function* foreignEvents(
  options: ForeignWritesOptions,
  withDocuments = false,
): AsyncGenerator<WriteEvent> {
  const { client, signal } = options;
  const session = client.startSession();
  let own = await ownSessions(options);
  const foreign: Document = {
    operationType: { $in: ["insert", "update", "replace", "delete"] },
    "lsid.id": { $nin: own.map((id) => new UUID(id)) },
    ...options.only,
  };
  const isOwn = ({ session: by }: WriteEvent) => by !== undefined && own.includes(by);
  try {
    // The present end of the oplog. The write after it moves a waiting stream past that end.
    const now = await command(options, open({}, { operationType: "none" }), session);
    await closeCursor(options, now, session);
    await writeMarker(options, documentIds.watchMarker);
    const stage = { startAtOperationTime: parseBackupTime(options.time) };
    let batch = await command(options, open(stage, foreign, withDocuments), session);
    for (let looks = 0; looks < limits.looksMax; looks += 1) {
      signal.throwIfAborted();
      // A master's first batch may have come since. The fence has its session before its event appears.
      if (!batch.events.every(isOwn)) own = await ownSessions(options);
      for (const event of batch.events) {
        if (!isOwn(event) && !isOfRestore(event.collection)) yield event;
      }
      if (batch.until >= now.until) break;
      const more = {
        getMore: batch.cursor,
        collection: "$cmd.aggregate",
        maxTimeMS: limits.changeStreamWaitMs,
      };
      batch = await command(options, more, session);
    }
    await closeCursor(options, batch, session);
  } catch (error) {
    if (!hasCode(error, ...historyLost)) throw error;
    throw new LockstepError(
      "foreign-writes",
      "the oplog no longer reaches back to the backup, so writes from outside the fleet can no longer be ruled out: make the oplog larger",
    );
  } finally {
    // It also ends the cursor of a search that was left early.
    await session.endSession();
  }
}

/** Up to ten writes of some, and how many there are. */
export interface WritesFound {
  readonly writes: readonly ForeignWrite[];
  readonly count: number;
}

/**
 * Up to ten writes from outside, and how many there are.
 * @throws LockstepError `foreign-writes` when the oplog no longer reaches back to T
 */
export async function findForeignWrites(options: ForeignWritesOptions): Promise<WritesFound> {
  const writes: ForeignWrite[] = [];
  let count = 0;
  for await (const { collection, operation, id } of foreignEvents(options)) {
    count += 1;
    if (count <= limits.offendingDocumentsMax) writes.push({ collection, operation, id });
    if (count >= limits.foreignWritesCountedMax) break;
  }
  return { writes, count };
}

/**
 * The documents that others have written since a moment, by the clock of the primary. Deletions are left out, since TTL
 * deletion makes some.
 * @throws LockstepError `foreign-writes` when the oplog no longer reaches back so far
 */
export function findWritesSince(
  options: Omit<ForeignWritesOptions, "time">,
  ms: number,
): Promise<WritesFound> {
  const operationType = { $in: ["insert", "update", "replace"] };
  const only = { operationType, wallTime: { $gte: new Date(ms) } };
  return findForeignWrites({ ...options, time: clusterTimeAt(ms), only });
}

/** `update of 7 in "items", … and 4 more`. Pure. */
export function writesText(writes: readonly ForeignWrite[], count: number): string {
  const named = writes.map(
    ({ collection, operation, id }) => `${operation} of ${id} in "${collection}"`,
  );
  const left = count - writes.length;
  const atLeast = count >= limits.foreignWritesCountedMax ? "at least " : "";
  return `${named.join(", ")}${left > 0 ? ` and ${atLeast}${left} more` : ""}`;
}

/**
 * Refuses to go on where anybody but the upgrade has written since T.
 * @throws LockstepError `foreign-writes` naming up to ten of the writes
 */
export async function refuseForeignWrites(
  options: ForeignWritesOptions,
  whatNext = "stop those clients, then upgrade again",
): Promise<void> {
  const { writes, count } = await findForeignWrites(options);
  if (count === 0) return;
  throw new LockstepError(
    "foreign-writes",
    `expected writes of the upgrade alone, found writes from outside the fleet: ${writesText(writes, count)}: ${whatNext}`,
    { writes, count },
  );
}
