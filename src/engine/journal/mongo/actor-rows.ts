import type { ClientSession, Collection, Db, Document, Filter } from "mongodb";
import { type ActorRow, actorStatuses } from "../entry.ts";
import type { RowQuery } from "../store.ts";
import type { BrokenRecords } from "./broken-records.ts";
import { engineCollections, rowFromStored, type StoredRow, toStoredRow } from "./records.ts";

export const dueIndex = "due";
const stateIndex = "by-state";
const tagIndex = "by-tag";
export const statusIndex = "by-status";
const anyMachineIndex = "by-status-of-any";
const endedIndex = "ended";

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
  readonly #broken: BrokenRecords;

  constructor(database: Db, broken: BrokenRecords) {
    this.#broken = broken;
    this.stored = database.collection<StoredRow>(engineCollections.actors);
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
        { key: { status: 1, _id: 1 }, name: anyMachineIndex },
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
    const statusOrAny = status ?? { $in: [...actorStatuses] };
    const filter: Filter<StoredRow> = {
      ...(machine === undefined ? {} : { machine, status: statusOrAny }),
      ...(machine !== undefined || status === undefined ? {} : { status }),
      ...(state === undefined ? {} : { state }),
      ...(tag === undefined ? {} : { tags: tag }),
      ...(sinceMsMax === undefined ? {} : { sinceMs: { $lte: sinceMsMax } }),
      ...(after === undefined ? {} : { _id: { $gt: after } }),
    };
    const byMachine = state !== undefined ? stateIndex : tag !== undefined ? tagIndex : statusIndex;
    const anyMachine = status === undefined ? "_id_" : anyMachineIndex;
    const hint = machine === undefined ? anyMachine : byMachine;
    return this.#page(filter, limit, hint, { _id: 1 });
  }

  async ended(partition: string, beforeMs: number, limit: number): Promise<readonly ActorRow[]> {
    // The actions of such an actor may still wait to be carried out.
    const filter = { partition, endedAtMs: { $lt: beforeMs }, dueAtMs: { $exists: false } };
    return this.#page(filter, limit, endedIndex, { partition: 1, endedAtMs: 1 });
  }

  /** Deletes a row that is still the same. */
  async remove(row: ActorRow, session: ClientSession): Promise<void> {
    const { actor, startedAtMs, revision } = row;
    await this.stored.deleteOne({ _id: actor, startedAtMs, revision }, { session });
  }

  #due(filter: Filter<StoredRow>, limit: number): Promise<readonly ActorRow[]> {
    return this.#page(filter, limit, dueIndex, { partition: 1, dueAtMs: 1, _id: 1 });
  }

  /** Only the last page is shorter than the limit: further rows take the place of broken ones. */
  async #page(
    filter: Filter<StoredRow>,
    limit: number,
    hint: string,
    sort: Readonly<Record<string, 1>>,
  ): Promise<readonly ActorRow[]> {
    const rows: ActorRow[] = [];
    for (let seen = 0; ; ) {
      const asked = limit - rows.length;
      const found = await this.stored
        .find(filter, { hint })
        .sort(sort)
        .skip(seen)
        .limit(asked)
        .toArray();
      rows.push(...this.#broken.readable(found, rowFromStored));
      seen += found.length;
      if (found.length < asked || rows.length === limit) return rows;
    }
  }
}
