import { messageOf } from "../../errors.ts";
import { limits } from "../../limits.ts";
import type { Log } from "../../log.ts";
import type { Clock } from "../../ports/clock.ts";
import { type ActorRow, isLater } from "../journal/entry.ts";
import type { EngineStore } from "../journal/store.ts";

interface RowWriterPorts {
  readonly store: Pick<EngineStore, "saveRows">;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Writes the rows of one worker behind: an actor that moves often has one write a while. A row costs a database several
 * times as much as an entry, so each turn writes only a share where many wait or move, the oldest first.
 */
export class RowWriter {
  readonly #ports: RowWriterPorts;
  /** The rows that wait, in the order in which their actors began to wait. */
  readonly #rows = new Map<string, ActorRow>();
  /** The largest number that waited since one turn could write them all. */
  #sizeMax = 0;
  /** The rows that were noted since the last turn. */
  #notedCount = 0;
  readonly #stopping = new AbortController();
  #loop: Promise<void> = Promise.resolve();
  #writing: Promise<void> = Promise.resolve();

  constructor(ports: RowWriterPorts) {
    this.#ports = ports;
  }

  start(): void {
    this.#loop = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
    await this.#afterOthers(() => [...this.#rows.values()]).catch(() => {});
  }

  /** A row that is to be written. False where a newer one waits. */
  note(row: ActorRow): boolean {
    const known = this.#rows.get(row.actor);
    if (known && !isLater(row, known)) return false;
    this.#rows.set(row.actor, row);
    this.#notedCount += 1;
    return true;
  }

  /** True where so many rows wait that they take much memory. */
  get isFull(): boolean {
    return this.#rows.size > limits.rowsWaitingMax;
  }

  /** Resolves once all rows of a partition that were noted before are written. */
  flush(partition: string): Promise<void> {
    return this.#afterOthers(() =>
      [...this.#rows.values()].filter((row) => row.partition === partition),
    );
  }

  #afterOthers(choose: () => readonly ActorRow[]): Promise<void> {
    const before = this.#writing.catch(() => {});
    this.#writing = before.then(() => this.#write(choose()));
    return this.#writing;
  }

  async #write(rows: readonly ActorRow[]): Promise<void> {
    for (let start = 0; start < rows.length; start += limits.rowsOfWrite) {
      const some = rows.slice(start, start + limits.rowsOfWrite);
      // An actor that moves meanwhile waits again, behind the others.
      for (const { actor } of some) this.#rows.delete(actor);
      try {
        await this.#ports.store.saveRows(some);
      } catch (error) {
        for (const row of some) if (!this.#rows.has(row.actor)) this.#rows.set(row.actor, row);
        throw error;
      }
    }
  }

  /** The rows that have waited for longest: so many each turn that none waits longer than `rowsStaleMsMax`. */
  #share(): readonly ActorRow[] {
    const { size } = this.#rows;
    this.#sizeMax = Math.max(size, this.#sizeMax);
    const turns = limits.rowsStaleMsMax / limits.rowsFlushEveryMs - 1;
    const isQuiet = this.#notedCount <= limits.rowsOfWrite;
    this.#notedCount = 0;
    const count = Math.max(isQuiet ? limits.rowsOfWrite : 0, Math.ceil(this.#sizeMax / turns));
    if (count >= size) this.#sizeMax = 0;
    return [...this.#rows.values()].slice(0, count);
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#ports;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await clock.sleep(limits.rowsFlushEveryMs, signal);
      await this.#afterOthers(() => this.#share()).catch((error: unknown) => {
        log.info({ error: messageOf(error) }, "the rows of actors could not be written yet");
      });
    }
  }
}
