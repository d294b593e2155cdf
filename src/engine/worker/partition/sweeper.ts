import { limits } from "../../../limits.ts";
import type { ActorRow } from "../../journal/entry.ts";
import type { PartitionRecord } from "../../journal/store.ts";
import type { HintedActors } from "./hinted-actors.ts";
import type { RunnerPorts } from "./partition-runner.ts";

/** The parts of a partition's runner that its sweeper needs. */
interface SweptPartition {
  readonly hinted: HintedActors;
  readonly signal: AbortSignal;
  note(row: ActorRow): void;
}

/** Finds the entries of which no hint has come, and moves the mark: the rows have all entries that came before it. */
export class Sweeper {
  readonly #ports: Pick<RunnerPorts, "store" | "clock" | "rows" | "hints">;
  readonly #record: PartitionRecord;
  readonly #swept: SweptPartition;
  #mark: string | null;
  /** The next mark, until this process has heard of all that was appended before it. */
  #nextMark: string | null = null;
  /** The first sweep begins where the last owner stopped. */
  #isToSweep = true;
  /** By this process's clock. */
  #notedAtMs = Number.NEGATIVE_INFINITY;

  constructor(
    ports: Pick<RunnerPorts, "store" | "clock" | "rows" | "hints">,
    record: PartitionRecord,
    swept: SweptPartition,
  ) {
    this.#ports = ports;
    this.#record = record;
    this.#swept = swept;
    this.#mark = record.mark;
  }

  /** Has the next run sweep, since hints may have been missed. */
  requestSweep(): void {
    this.#isToSweep = true;
  }

  /** An entry has become known. */
  noted(): void {
    this.#notedAtMs = this.#ports.clock.monotonicMs();
  }

  /** Takes the next mark. The rows are refilled between this and `run`. */
  async takeMark(): Promise<void> {
    const { store, clock } = this.#ports;
    const isQuiet = clock.monotonicMs() - this.#notedAtMs > limits.markQuietMs;
    // Where nothing was appended for long, a sweep from the old mark finds nothing either.
    this.#nextMark ??= isQuiet ? null : await store.mark(this.#record.partition);
  }

  /** Sweeps where that was asked for. Otherwise it saves the next mark once all hints before it have come. */
  async run(): Promise<void> {
    if (this.#isToSweep) {
      this.#isToSweep = false;
      await this.#sweep().catch((error: unknown) => {
        this.#isToSweep = true;
        throw error;
      });
      return;
    }
    const mark = this.#nextMark;
    if (mark === null || this.#swept.hinted.isOneLate || !this.#ports.hints.hasPassed(mark)) return;
    await this.#saveMark(mark);
    this.#nextMark = null;
  }

  /** Finds the entries after the mark, at the beginning and where hints may have been missed. */
  async #sweep(): Promise<void> {
    const { store, rows } = this.#ports;
    const { partition } = this.#record;
    let mark = this.#mark;
    for (let from = mark, isLast = false; !isLast; ) {
      if (this.#swept.signal.aborted) return;
      const page = await store.sweep(partition, from);
      for (const head of page.heads) this.#swept.note(head);
      if (rows.isFull) await rows.flush(partition);
      [from, mark, isLast] = [page.next, page.mark ?? mark, page.next === null];
    }
    // The rows are not written yet: those timers which are due go first.
    this.#nextMark ??= mark;
  }

  async #saveMark(mark: string): Promise<void> {
    const { partition, epoch } = this.#record;
    if (mark === this.#mark) return;
    // The mark says that the rows have all that came before it.
    await this.#ports.rows.flush(partition);
    await this.#ports.store.saveMarks(partition, epoch, { mark });
    this.#mark = mark;
  }
}
