import { type ClientSession, type Document, type MongoClient, UUID } from "mongodb";
import { LockstepError } from "../../errors.ts";
import { documentIds } from "../../journal/store.ts";
import { type Control, readFence } from "../../leadership/fences.ts";
import { limits } from "../../limits.ts";
import { bsonType } from "../../mongo/bson/raw-bson.ts";
import { fieldAt, idText, printed, type TypedBytes } from "../../mongo/bson/typed-bytes.ts";
import { hasCode, serverErrors } from "../../mongo/server-errors.ts";
import type { FaultPoints } from "../../ports/fault-point.ts";
import { parseBackupTime, writeMarker } from "../backup/backup-time.ts";
import { isOfRestore } from "../restore/restore-names.ts";

/** One write that is nobody's of this upgrade. */
export interface ForeignWrite {
  readonly collection: string;
  readonly operation: string;
  readonly id: string;
}

export interface ForeignWritesOptions {
  readonly client: MongoClient;
  readonly databaseName: string;
  readonly control: Control;
  /** The time T that the copies are of. */
  readonly time: string;
  readonly faultPoints: FaultPoints;
  readonly signal: AbortSignal;
}

/** The oplog has lost what a change stream would have to tell. */
const historyLost = [
  serverErrors.changeStreamHistoryLost,
  serverErrors.changeStreamFatal,
  serverErrors.cappedPositionLost,
];

/** The sessions whose transactions changed the fence: the upgrade's own, whoever was master. */
async function ownSessions({ control }: ForeignWritesOptions): Promise<readonly string[]> {
  const fence = await readFence(control, documentIds.master);
  return fence?.["sessions"] ?? [];
}

interface WriteEvent extends ForeignWrite {
  readonly session: string | undefined;
}

interface Batch {
  readonly events: readonly WriteEvent[];
  /** Text that sorts by the cluster's time: all up to here has been looked at. */
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
    // Behind its length and its subtype.
    session: session && new UUID(session.value.subarray(5)).toHexString(),
  };
}

async function command(
  { client, databaseName }: ForeignWritesOptions,
  body: Document,
  session: ClientSession,
): Promise<Batch> {
  // The number of a cursor has to go back as the type it came in, also when it is a small one. An `_id` may be
  // one that JavaScript cannot hold, so the events stay bytes.
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

const open = (stage: Document, match: Document): Document => ({
  aggregate: 1,
  pipeline: [
    { $changeStream: stage },
    { $match: match },
    { $project: { ns: 1, operationType: 1, documentKey: 1, "lsid.id": 1 } },
  ],
  cursor: { batchSize: limits.offendingDocumentsMax },
  readConcern: { level: "majority" },
});

/**
 * Looks through the oplog from T to now for writes to the database that no fenced transaction made:
 * the server keeps a transaction's session in its change events, and the fence keeps ours. Definitions
 * are not looked at here: the catalogue is compared. Events of a time series are not told by the server.
 * @throws LockstepError `foreign-writes` when the oplog does not reach back to T any more
 */
export async function findForeignWrites(
  options: ForeignWritesOptions,
): Promise<readonly ForeignWrite[]> {
  const { client, signal } = options;
  const session = client.startSession();
  let own = await ownSessions(options);
  const foreign: Document = {
    operationType: { $in: ["insert", "update", "replace", "delete"] },
    "lsid.id": { $nin: own.map((id) => new UUID(id)) },
  };
  const isOwn = ({ session: by }: WriteEvent) => by !== undefined && own.includes(by);
  const found: ForeignWrite[] = [];
  try {
    // Where the oplog ends now; the write after it carries a waiting stream past that.
    const now = await command(options, open({}, { operationType: "none" }), session);
    await closeCursor(options, now, session);
    await writeMarker(options, documentIds.watchMarker);
    const stage = { startAtOperationTime: parseBackupTime(options.time) };
    let batch = await command(options, open(stage, foreign), session);
    for (let looks = 0; looks < limits.looksMax; looks += 1) {
      signal.throwIfAborted();
      // A master's first batch may have come since: where its write is told, the fence has its session.
      if (!batch.events.every(isOwn)) own = await ownSessions(options);
      for (const { collection, operation, id } of batch.events.filter((event) => !isOwn(event))) {
        if (!isOfRestore(collection)) found.push({ collection, operation, id });
      }
      if (found.length >= limits.offendingDocumentsMax || batch.until >= now.until) break;
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
      "the oplog no longer reaches back to the backup, so nobody can tell whether somebody outside the fleet wrote since: make the oplog larger",
    );
  } finally {
    await session.endSession();
  }
  return found.slice(0, limits.offendingDocumentsMax);
}

/**
 * Nobody but the upgrade has written since T.
 * @throws LockstepError `foreign-writes` naming up to ten of the writes
 */
export async function refuseForeignWrites(
  options: ForeignWritesOptions,
  whatNext = "stop it, then upgrade again",
): Promise<void> {
  const found = await findForeignWrites(options);
  if (found.length === 0) return;
  const named = found.map(
    ({ collection, operation, id }) => `${operation} of ${id} in "${collection}"`,
  );
  throw new LockstepError(
    "foreign-writes",
    `expected nobody to write but the upgrade, somebody outside the fleet did: ${named.join(", ")}: ${whatNext}`,
    { writes: found },
  );
}
