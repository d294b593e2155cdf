import type { ClientSession, Collection, Db, Document, Filter } from "mongodb";
import type { ActorRow, Entry } from "../entry.ts";
import type { RowQuery } from "../store.ts";
import { rowFromStored, type StoredRow, toStoredRow, workflowCollections } from "./records.ts";

const dueIndex = "due";
const stateIndex = "by-state";
const tagIndex = "by-tag";
const statusIndex = "by-status";
const endedIndex = "ended";

const statuses: readonly Entry["status"][] = ["active", "done", "error", "stopped"];

/** A pipeline that replaces an older row, and leaves an equal or a newer one as it is. See `isLater`. */
function replaceOlder(row: StoredRow): Document[] {
  const { startedAtMs, revision } = row;
  const heldAtMs = { $ifNull: ["$startedAtMs", -1] };
  const isSameLife = { $eq: [heldAtMs, startedAtMs] };
  const isOlder = {
    $or: [
      { $lt: [heldAtMs, startedAtMs] },
      { $and: [isSameLife, { $lt: ["$revision", revision] }] },
    ],
  };
  return [{ $replaceWith: { $cond: [isOlder, { $literal: row }, "$$ROOT"] } }];
}

/** The collection of the actors' rows. It throws what the driver throws. */
export class ActorRows {
  readonly stored: Collection<StoredRow>;

  constructor(database: Db) {
    this.stored = database.collection<StoredRow>(workflowCollections.actors);
  }

  createIndexes(): Promise<unknown> {
    return this.stored.createIndexes(
      [
        {
          key: { partition: 1, dueAtMs: 1, _id: 1 },
          name: dueIndex,
          partialFilterExpression: { dueAtMs: { $exists: true } },
        },
        { key: { machine: 1, state: 1, _id: 1 }, name: stateIndex },
        { key: { machine: 1, tags: 1, _id: 1 }, name: tagIndex },
        { key: { machine: 1, status: 1, _id: 1 }, name: statusIndex },
        {
          key: { partition: 1, endedAtMs: 1 },
          name: endedIndex,
          partialFilterExpression: { endedAtMs: { $exists: true } },
        },
      ],
      { commitQuorum: "majority" },
    );
  }

  async save(rows: readonly ActorRow[]): Promise<void> {
    if (rows.length === 0) return;
    await this.stored.bulkWrite(
      rows.map((row) => ({
        updateOne: {
          filter: { _id: row.actor },
          update: replaceOlder(toStoredRow(row)),
          upsert: true,
        },
      })),
      { ordered: false },
    );
  }

  async row(actor: string): Promise<ActorRow | undefined> {
    const found = await this.stored.findOne({ _id: actor });
    return found === null ? undefined : rowFromStored(found);
  }

  async due(
    partition: string,
    untilMs: number,
    limit: number,
    after?: Pick<ActorRow, "actor" | "dueAtMs">,
  ): Promise<readonly ActorRow[]> {
    if (after === undefined) return this.#due({ partition, dueAtMs: { $lte: untilMs } }, limit);
    const { actor, dueAtMs } = after;
    const afterMs = Number(dueAtMs);
    const equal = await this.#due({ partition, dueAtMs: afterMs, _id: { $gt: actor } }, limit);
    const left = limit - equal.length;
    if (left === 0) return equal;
    return [
      ...equal,
      ...(await this.#due({ partition, dueAtMs: { $gt: afterMs, $lte: untilMs } }, left)),
    ];
  }

  async rows({ limit, ...query }: RowQuery): Promise<readonly ActorRow[]> {
    const { machine, state, tag, status, sinceMsMax, after } = query;
    // Without a status, one range for each of them keeps the order of the index.
    const statusOrAny = status ?? { $in: [...statuses] };
    const filter: Filter<StoredRow> = {
      ...(machine === undefined ? {} : { machine, status: statusOrAny }),
      ...(machine !== undefined || status === undefined ? {} : { status }),
      ...(state === undefined ? {} : { state }),
      ...(tag === undefined ? {} : { tags: tag }),
      ...(sinceMsMax === undefined ? {} : { sinceMs: { $lte: sinceMsMax } }),
      ...(after === undefined ? {} : { _id: { $gt: after } }),
    };
    const byMachine = state !== undefined ? stateIndex : tag !== undefined ? tagIndex : statusIndex;
    const hint = machine === undefined ? "_id_" : byMachine;
    const found = await this.stored.find(filter, { hint }).sort({ _id: 1 }).limit(limit).toArray();
    return found.map(rowFromStored);
  }

  async ended(partition: string, beforeMs: number, limit: number): Promise<readonly ActorRow[]> {
    const found = await this.stored
      // The actions of such an actor may still wait to be carried out.
      .find(
        { partition, endedAtMs: { $lt: beforeMs }, dueAtMs: { $exists: false } },
        { hint: endedIndex },
      )
      .limit(limit)
      .toArray();
    return found.map(rowFromStored);
  }

  /** Deletes a row that is still the same. */
  async remove(row: ActorRow, session: ClientSession): Promise<void> {
    const { actor, startedAtMs, revision } = row;
    await this.stored.deleteOne({ _id: actor, startedAtMs, revision }, { session });
  }

  async #due(filter: Filter<StoredRow>, limit: number): Promise<readonly ActorRow[]> {
    const found = await this.stored
      .find(filter, { hint: dueIndex })
      .sort({ partition: 1, dueAtMs: 1, _id: 1 })
      .limit(limit)
      .toArray();
    return found.map(rowFromStored);
  }
}
