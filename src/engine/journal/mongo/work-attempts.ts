import type { Collection, Db } from "mongodb";
import { type ActorRow, lifeOf } from "../entry.ts";
import type { WorkAttempt } from "../store.ts";
import { attemptFromStored, engineCollections, type StoredAttempt } from "./records.ts";

/** The attempts of work. It throws what the driver throws. */
export class WorkAttempts {
  readonly #stored: Collection<StoredAttempt>;

  constructor(database: Db) {
    this.#stored = database.collection(engineCollections.attempts);
  }

  async of(works: readonly string[]): Promise<readonly WorkAttempt[]> {
    if (works.length === 0) return [];
    const found = await this.#stored.find({ _id: { $in: [...works] } }).toArray();
    return found.map(attemptFromStored);
  }

  /** Saves an attempt, unless the record has a later one. */
  async save({ work, ...rest }: WorkAttempt): Promise<void> {
    const { attempt, failures } = rest;
    const held = { $ifNull: ["$attempt", -1] };
    const isLater = {
      $or: [
        { $lt: [held, attempt] },
        { $and: [{ $eq: [held, attempt] }, { $lte: ["$failures", failures] }] },
      ],
    };
    const saved = { $literal: { _id: work, ...rest } };
    await this.#stored.updateOne(
      { _id: work },
      [{ $replaceWith: { $cond: [isLater, saved, "$$ROOT"] } }],
      { upsert: true },
    );
  }

  /** Removes those of one life of an actor: a revision, which begins with a digit, follows its prefix. */
  async removeOf({ actor, startedAtMs }: Pick<ActorRow, "actor" | "startedAtMs">): Promise<void> {
    const life = lifeOf(actor, startedAtMs);
    await this.#stored.deleteMany({ _id: { $gte: `${life}0`, $lt: `${life}:` } });
  }

  async remove(works: readonly string[]): Promise<void> {
    if (works.length > 0) await this.#stored.deleteMany({ _id: { $in: [...works] } });
  }
}
