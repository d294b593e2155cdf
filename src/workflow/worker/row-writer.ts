import { messageOf } from "../../errors.ts";
import { limits } from "../../limits.ts";
import type { Log } from "../../log.ts";
import type { Clock } from "../../ports/clock.ts";
import { type ActorRow, isLater } from "../journal/entry.ts";
import type { WorkflowStore } from "../journal/store.ts";

/** Writes the rows of one worker behind: an actor that moves often has one write a while. */
export class RowWriter {
  readonly #ports: { readonly store: WorkflowStore; readonly clock: Clock; readonly log: Log };
  readonly #rows = new Map<string, ActorRow>();
  readonly #stopping = new AbortController();
  #loop: Promise<void> = Promise.resolve();
  #writing: Promise<void> = Promise.resolve();

  constructor(ports: {
    readonly store: WorkflowStore;
    readonly clock: Clock;
    readonly log: Log;
  }) {
    this.#ports = ports;
  }

  start(): void {
    this.#loop = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
    await this.flush().catch(() => {});
  }

  /** A row that is to be written. False where a newer one is known. */
  note(row: ActorRow): boolean {
    const known = this.#rows.get(row.actor);
    if (known && !isLater(row, known)) return false;
    this.#rows.set(row.actor, row);
    return true;
  }

  /** Resolves once all rows that were noted before are written. */
  flush(): Promise<void> {
    const before = this.#writing.catch(() => {});
    this.#writing = before.then(() => this.#write());
    return this.#writing;
  }

  async #write(): Promise<void> {
    const rows = [...this.#rows.values()];
    for (let start = 0; start < rows.length; start += limits.rowsOfWrite) {
      const some = rows.slice(start, start + limits.rowsOfWrite);
      await this.#ports.store.saveRows(some);
      for (const row of some) {
        if (this.#rows.get(row.actor) === row) this.#rows.delete(row.actor);
      }
    }
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#ports;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await clock.sleep(limits.rowsFlushEveryMs, signal);
      await this.flush().catch((error: unknown) => {
        log.info({ error: messageOf(error) }, "the rows of actors could not be written yet");
      });
    }
  }
}
