import { setMaxListeners } from "node:events";
import { messageOf } from "../../errors.ts";
import { limits } from "../../limits.ts";
import type { Log } from "../../log.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Random } from "../../ports/random.ts";
import type { Tracing } from "../../ports/tracing/tracing.ts";
import type { Actors } from "../actor/actors.ts";
import { type Appender, createAppender } from "../actor/appender.ts";
import type { Appending } from "../actor/applying.ts";
import type { DatabaseClock } from "../actor/database-clock.ts";
import type { HintHub } from "../actor/hints/hint-hub.ts";
import type { Registry } from "../definition/registry.ts";
import type { Retention } from "../definition/retention.ts";
import type { Entry } from "../journal/entry.ts";
import type { EngineStore, Fence, PartitionRecord } from "../journal/store.ts";
import { LeaseLoop } from "./lease-loop.ts";
import { LeftAlone } from "./left-alone.ts";
import { PartitionRunner } from "./partition/partition-runner.ts";
import { RowWriter } from "./row-writer.ts";
import { WorkStarter } from "./work/work-starter.ts";

/** The ports of a worker. */
export interface WorkerPorts {
  readonly store: EngineStore;
  readonly actors: Actors;
  readonly hints: HintHub;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly databaseClock: DatabaseClock;
  readonly random: Random;
  readonly tracing?: Tracing | null | undefined;
  readonly log: Log;
  readonly host: string;
  readonly pid: number;
  readonly leaseTtlMs: number;
  readonly tasksAtOnce: number;
  readonly retention: Retention;
}

/** The means of one lease. */
interface Lane {
  readonly fence: Fence;
  readonly appender: Appender;
  readonly fenced: Appending;
  readonly starter: WorkStarter;
}

/** Runs the timers and the work of this process's share of the actors. */
export class Worker {
  readonly #ports: WorkerPorts;
  readonly #lease: LeaseLoop;
  readonly #runners = new Map<string, PartitionRunner>();
  /** Runners that close, by their partitions. */
  readonly #closing = new Map<string, Promise<void>>();
  readonly #stopping = new AbortController();
  readonly #rows: RowWriter;
  readonly #leftAlone: LeftAlone;
  /** The means by which this worker appends under its present lease. Work of an earlier lease goes on with that one's, and is refused. */
  #lane: Lane | undefined;
  #stopListening: () => void = () => {};

  constructor(ports: WorkerPorts) {
    this.#ports = ports;
    const { registry } = ports;
    // One for each entry whose append had no answer.
    setMaxListeners(0, this.#stopping.signal);
    this.#rows = new RowWriter(ports);
    this.#leftAlone = new LeftAlone(ports.log);
    this.#lease = new LeaseLoop(
      { ...ports, machines: registry.names },
      {
        onOwned: (record, sinceMs) => void this.#open(record, sinceMs),
        onClosed: (partition) => this.#close(partition),
      },
    );
  }

  start(): void {
    const { actors, hints } = this.#ports;
    const stopEntries = actors.onAppended((entry) => {
      this.#runners.get(entry.partition)?.entry(entry);
    });
    const stopHints = hints.listen((hint) => {
      if (hint !== null) this.#runners.get(hint.partition)?.hint(hint.actor, hint.revision);
      else for (const runner of this.#runners.values()) runner.sweep();
    });
    const stopUncertain = actors.onUncertain((entry) => void this.#lookForIt(entry));
    this.#stopListening = () => {
      stopEntries();
      stopHints();
      stopUncertain();
    };
    this.#rows.start();
    this.#lease.start();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#lease.stop();
    this.#stopListening();
    await Promise.all([...this.#runners.keys()].map((partition) => this.#close(partition)));
    await Promise.all(this.#closing.values());
    await this.#lane?.appender.idle();
    await this.#rows.stop();
  }

  async #open(record: PartitionRecord, sinceMs: number): Promise<void> {
    const { partition } = record;
    const lane = this.#laneOf(this.#lease.fence);
    // Its work from before a lease that ran out may still be on its way to its end.
    await this.#close(partition);
    if (!this.#lease.isOwned(record)) return;
    const { store, actors, hints, registry, clock, databaseClock, log, retention } = this.#ports;
    const runner = new PartitionRunner(
      {
        ...{ store, actors, hints, registry, clock, databaseClock, log, retention },
        ...{ rows: this.#rows, leftAlone: this.#leftAlone },
        fenced: lane.fenced,
        startWork: (entry, ownership) => lane.starter.start(entry, ownership),
      },
      record,
      sinceMs,
    );
    this.#runners.set(partition, runner);
  }

  /** An entry whose append had no answer. This process's own entries come by no hint. */
  async #lookForIt({ actor, partition, revision }: Entry): Promise<void> {
    const { signal } = this.#stopping;
    for (const afterMs of limits.uncertainLooksMs) {
      await this.#ports.clock.sleep(afterMs, signal);
      if (signal.aborted) return;
      this.#runners.get(partition)?.hint(actor, Math.max(0, revision - 1));
    }
  }

  #laneOf(fence: Fence): Lane {
    const known = this.#lane;
    if (known?.fence.worker === fence.worker) return known;
    const appender = createAppender(this.#ports.store, () => fence);
    const fenced: Appending = { appender };
    const starter = new WorkStarter({
      ...{ ...this.#ports, fenced },
      inTransaction: (session) => ({ appender, session, fence }),
    });
    this.#lane = { fence, appender, fenced, starter };
    return this.#lane;
  }

  /** Resolves once nothing of a partition runs here any more. */
  async #close(partition: string): Promise<void> {
    const runner = this.#runners.get(partition);
    this.#runners.delete(partition);
    if (runner === undefined) return this.#closing.get(partition);
    const closing = runner
      .close()
      .catch((error: unknown) => {
        this.#ports.log.warn({ partition, error: messageOf(error) }, "a partition did not close");
      })
      .finally(() => {
        if (this.#closing.get(partition) === closing) this.#closing.delete(partition);
      });
    this.#closing.set(partition, closing);
    await closing;
  }
}
