import type { Collection, Db, MongoClient } from "mongodb";
import { limits } from "../../../limits.ts";
import { asUnreachable } from "../../../mongo/transient.ts";
import { type ActorRow, actorStatuses } from "../entry.ts";
import { dueIndex, statusIndex } from "./actor-rows.ts";
import { engineCollections, type StoredEntry, type StoredRow } from "./records.ts";

/** The actors of one machine by their rows, which workers write behind. */
export interface CountedActors {
  readonly machine: string;
  readonly statuses: Readonly<Record<ActorRow["status"], number>>;
  /** Those with work that waits or runs. */
  readonly working: number;
  /** The last transition of the one among them that has waited longest, or null. Of many, only some are looked through. */
  readonly workSinceMs: number | null;
}

/** A machine, and the names of its partitions. */
export interface MachinePartitions {
  readonly machine: string;
  readonly partitions: readonly string[];
}

/** Figures of an engine for those who watch it. It only reads. */
export class ActorCounts {
  readonly #rows: Collection<StoredRow>;
  /** Counts leave the primary alone where they can. */
  readonly #secondary: Collection<StoredRow>;
  readonly #journal: Collection<StoredEntry>;

  constructor(client: MongoClient, databaseName: string) {
    const primary: Db = client.db(databaseName, { readPreference: "primary" });
    const secondary: Db = client.db(databaseName, { readPreference: "secondaryPreferred" });
    this.#rows = primary.collection(engineCollections.actors);
    this.#secondary = secondary.collection(engineCollections.actors);
    this.#journal = primary.collection(engineCollections.journal);
  }

  /** The number of entries by the collection's own count. It costs nothing, and may be a little wrong after a crash. */
  async entries(): Promise<number> {
    return this.#reaching(() => this.#journal.estimatedDocumentCount());
  }

  /** The deadline of the earliest timer that is due by a time, or null. It reads one key of an index for each partition. */
  async earliestTimerMs(partitions: readonly string[], untilMs: number): Promise<number | null> {
    // 0 stands for work.
    const filter = { partition: { $in: [...partitions] }, dueAtMs: { $gt: 0, $lte: untilMs } };
    const found = await this.#reaching(() =>
      this.#rows.find(filter, { hint: dueIndex }).sort({ dueAtMs: 1 }).limit(1).toArray(),
    );
    return found[0]?.dueAtMs ?? null;
  }

  /** Counts the actors of a machine: one key of an index for each of them. */
  async of({ machine, partitions }: MachinePartitions, maxTimeMS: number): Promise<CountedActors> {
    const options = { maxTimeMS };
    const numbers = await this.#reaching(() =>
      Promise.all(
        actorStatuses.map((status) =>
          this.#secondary.countDocuments({ machine, status }, { ...options, hint: statusIndex }),
        ),
      ),
    );
    const byStatus = Object.fromEntries(
      actorStatuses.map((status, index) => [status, numbers[index] ?? 0]),
    ) as CountedActors["statuses"];
    const filter = { partition: { $in: [...partitions] }, dueAtMs: 0 };
    const working = await this.#reaching(() =>
      this.#secondary.countDocuments(filter, { ...options, hint: dueIndex }),
    );
    const some = await this.#reaching(() =>
      this.#secondary
        .find(filter, { ...options, hint: dueIndex, projection: { atMs: 1 } })
        .limit(limits.engineWorkLooksMax)
        .toArray(),
    );
    const times = some.map(({ atMs }) => atMs);
    const workSinceMs = times.length === 0 ? null : Math.min(...times);
    return { machine, statuses: byStatus, working, workSinceMs };
  }

  async #reaching<Result>(act: () => Promise<Result>): Promise<Result> {
    try {
      return await act();
    } catch (error) {
      throw asUnreachable(error);
    }
  }
}
