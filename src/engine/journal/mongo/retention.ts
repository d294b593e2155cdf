import { Timestamp } from "mongodb";
import { isEndOf } from "../entry.ts";
import type { EngineStore, Superseded } from "../store.ts";
import type { ActorRows } from "./actor-rows.ts";
import type { JournalCollection } from "./journal-collection.ts";
import { entryId, entryIds } from "./records.ts";
import type { Sessions } from "./sessions.ts";
import type { WorkAttempts } from "./work-attempts.ts";

/** The collections of a store, and its transactions. */
interface Means {
  readonly journal: JournalCollection;
  readonly rows: ActorRows;
  readonly attempts: WorkAttempts;
  readonly sessions: Sessions;
}

/** Clears superseded snapshots. */
export async function compact(
  { stored }: JournalCollection,
  superseded: readonly Superseded[],
): Promise<void> {
  if (superseded.length === 0) return;
  await stored.bulkWrite(
    superseded.map(({ actor, startedAtMs, from, below }) => ({
      updateMany: {
        filter: { ...entryIds(actor, from, below), startedAtMs },
        update: { $set: { snapshot: null } },
      },
    })),
    { ordered: false },
  );
}

/** Each entry has replaced the one before it, so a walk over the later ones finds what was replaced, and when. */
export async function expireHistory(
  journal: JournalCollection,
  ...[partition, from, beforeMs, limit, keysMs]: Parameters<EngineStore["expireHistory"]>
): Promise<string | null> {
  const before = new Timestamp({ t: Math.max(0, Math.floor(beforeMs / 1_000)), i: 0 });
  const { replacing, next } = await journal.appendedBefore(partition, from, before, limit);
  // The first entry of an actor keeps its place while the actor is there.
  const replaced = replacing
    .filter(({ revision }) => revision > 1)
    .map(({ actor, revision }) => entryId(actor, revision - 1));
  if (replaced.length > 0) {
    // Another life of an actor may have these revisions by now.
    const old = { _id: { $in: replaced }, ts: { $lt: before } };
    if (keysMs !== undefined) await journal.keepKeys(old, keysMs);
    await journal.stored.deleteMany({ ...old, keyUntil: { $exists: false } });
  }
  return next;
}

/**
 * Deletes the entries of ended actors, and then their rows. The first entry and the last one go at the end and together:
 * without the last one an actor would seem to live, and without the first one it could be started beside its own end.
 */
export async function expireEnded(
  { journal, rows, attempts, sessions }: Means,
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
    // Those of work whose worker died before it could remove them.
    await attempts.removeOf(row);
    const ends = [entryId(actor, 0), entryId(actor, revision)];
    deleted += await sessions.transact("engine-expire", async (session) => {
      const last = await journal.tail(actor, session);
      if (last?.nonce !== tail?.nonce) return 0;
      const gone = await stored.deleteMany({ _id: { $in: ends } }, { session });
      await rows.remove(row, session);
      return gone.deletedCount;
    });
  }
  return deleted;
}
