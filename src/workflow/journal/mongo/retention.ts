import { isEndOf } from "../entry.ts";
import type { Superseded, WorkflowStore } from "../store.ts";
import type { ActorRows } from "./actor-rows.ts";
import type { JournalCollection } from "./journal-collection.ts";
import { entryId, entryIds } from "./records.ts";
import type { Sessions } from "./sessions.ts";

type ExpireOptions = Parameters<WorkflowStore["expire"]>[1];

/** The collections of a store, and its transactions. */
interface Means {
  readonly journal: JournalCollection;
  readonly rows: ActorRows;
  readonly sessions: Sessions;
}

/** The first entry of an actor keeps its place while the actor is there: another start of it has to find it. */
const visibleAtMs = { $cond: [{ $eq: ["$_id.revision", 0] }, "$$REMOVE", "$atMs"] };

/** Clears the snapshots of superseded entries. The time of such an entry makes it visible to `expireHistory`. */
export async function compact(
  journal: JournalCollection,
  superseded: readonly Superseded[],
): Promise<void> {
  if (superseded.length === 0) return;
  await journal.stored.bulkWrite(
    superseded.map(({ actor, startedAtMs, revision, from = 0 }) => ({
      updateMany: {
        filter: {
          ...entryIds(actor, from, revision),
          startedAtMs,
          compactedAtMs: { $exists: false },
        },
        update: [{ $set: { snapshot: null, compactedAtMs: visibleAtMs } }],
      },
    })),
    { ordered: false },
  );
}

async function expireHistory(
  { stored }: JournalCollection,
  partition: string,
  beforeMs: number,
  limit: number,
): Promise<number> {
  const old = { partition, compactedAtMs: { $lt: beforeMs } };
  const found = await stored
    .find(old, { projection: { _id: 1 }, hint: "compacted" })
    .limit(limit)
    .toArray();
  if (found.length === 0) return 0;
  // Another life of an actor may have these revisions by now.
  const deleted = await stored.deleteMany({ ...old, _id: { $in: found.map(({ _id }) => _id) } });
  return deleted.deletedCount;
}

/**
 * Deletes the entries of ended actors, and then their rows. The first entry and the last one go at the end and together:
 * without the last one an actor would seem to live, and without the first one it could be started beside its own end.
 */
async function expireActors(
  { journal, rows, sessions }: Means,
  partition: string,
  beforeMs: number,
  limit: number,
): Promise<number> {
  let deleted = 0;
  const { stored } = journal;
  for (const row of await rows.ended(partition, beforeMs, limit)) {
    if (deleted >= limit) break;
    const { actor, startedAtMs, revision } = row;
    const tail = await journal.tail(actor);
    // An actor that has moved on, or that was started again, is no longer what its row says.
    if (tail !== undefined && !isEndOf(row, tail)) continue;
    const between = await stored
      .find({ ...entryIds(actor, 1, revision), startedAtMs }, { projection: { _id: 1 } })
      .sort({ _id: 1 })
      .limit(limit - deleted)
      .toArray();
    const ids = between.map(({ _id }) => _id);
    if (ids.length > 0) {
      deleted += (await stored.deleteMany({ _id: { $in: ids }, startedAtMs })).deletedCount;
    }
    if (deleted >= limit) break;
    const ends = [entryId(actor, 0), entryId(actor, revision)];
    deleted += await sessions.transact("workflow-expire", async (session) => {
      const last = await journal.tail(actor, session);
      if (last?.nonce !== tail?.nonce) return 0;
      const gone = await stored.deleteMany({ _id: { $in: ends } }, { session });
      await rows.remove(row, session);
      return gone.deletedCount;
    });
  }
  return deleted;
}

/** Deletes what need not be kept any longer. Returns the number of deleted entries. */
export async function expire(
  means: Means,
  partition: string,
  { historyBeforeMs, endedBeforeMs, limit }: ExpireOptions,
): Promise<number> {
  const ended =
    endedBeforeMs === undefined ? 0 : await expireActors(means, partition, endedBeforeMs, limit);
  if (historyBeforeMs === undefined || ended >= limit) return ended;
  return ended + (await expireHistory(means.journal, partition, historyBeforeMs, limit - ended));
}
