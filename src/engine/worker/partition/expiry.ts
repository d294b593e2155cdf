import { limits } from "../../../limits.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { DatabaseClock } from "../../actor/database-clock.ts";
import type { Retention } from "../../definition/retention.ts";
import type { EngineStore, PartitionRecord } from "../../journal/store.ts";

interface ExpiryPorts {
  readonly store: EngineStore;
  readonly clock: Clock;
  readonly databaseClock: DatabaseClock;
  readonly retention: Retention;
}

/** Deletes what need not be kept any longer of one partition. */
export class Expiry {
  readonly #ports: ExpiryPorts;
  readonly #record: PartitionRecord;
  #expired: string | null;

  constructor(ports: ExpiryPorts, record: PartitionRecord) {
    this.#ports = ports;
    this.#record = record;
    this.#expired = record.expired;
  }

  get isForEver(): boolean {
    const { historyMs, doneMs } = this.#ports.retention;
    return historyMs === undefined && doneMs === undefined;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { store, databaseClock, clock, retention } = this.#ports;
    const { historyMs, keysMs, doneMs } = retention;
    const nowMs = await databaseClock.nowMs();
    const { partition, epoch } = this.#record;
    const limit = limits.expireEntriesOnce;
    while (!signal.aborted && doneMs !== undefined) {
      if ((await store.expireEnded(partition, nowMs - doneMs, limit)) < limit) break;
      await clock.sleep(limits.expirePauseMs, signal);
    }
    while (!signal.aborted && historyMs !== undefined) {
      const from = this.#expired;
      const to = await store.expireHistory(partition, from, nowMs - historyMs, limit, keysMs);
      if (to === null) return;
      await store.saveMarks(partition, epoch, { expired: to });
      this.#expired = to;
      await clock.sleep(limits.expirePauseMs, signal);
    }
  }
}
