import type { Entry, WorkRecord } from "../../journal/entry.ts";
import type { Running } from "./run-work.ts";

/**
 * The work of one actor in this process. Tasks run beside each other. Actions and messages run one after the other, in
 * the order of their transitions. Work that starts waits until the work that its entry has ended has really ended.
 */
export class ActorWork {
  readonly #start: (work: WorkRecord, version: string) => Running;
  readonly #onFailed: (work: WorkRecord, error: unknown) => void;
  readonly #onEnding: (id: string, work: readonly WorkRecord[]) => void;
  readonly #running = new Map<string, Running>();
  #inOrder: Promise<unknown> = Promise.resolve();
  #stopping: Promise<unknown> = Promise.resolve();
  #wanted: ReadonlySet<string> = new Set();
  #isStopped = false;
  /** The revision of the latest entry that it has followed. */
  revision = -1;

  /**
   * @param start gets also the version of the actor, which a migration changes
   * @param onFailed is called with work that could not be started, and stays pending
   * @param onEnding is called with the id of work before it ends, and with the work of the entry that ends it
   */
  constructor(
    start: (work: WorkRecord, version: string) => Running,
    onFailed: (work: WorkRecord, error: unknown) => void,
    onEnding: (id: string, work: readonly WorkRecord[]) => void = () => {},
  ) {
    this.#start = start;
    this.#onFailed = onFailed;
    this.#onEnding = onEnding;
  }

  /** Follows a durable entry. One that comes late, after a later one, says nothing any more. */
  follow({ work, version, revision }: Pick<Entry, "work" | "version" | "revision">): void {
    if (revision < this.revision) return;
    this.revision = revision;
    this.#wanted = new Set(work.map(({ id }) => id));
    const ended = [...this.#running].filter(([id]) => !this.#wanted.has(id));
    for (const [id] of ended) {
      this.#running.delete(id);
      this.#onEnding(id, work);
    }
    if (ended.length > 0) {
      const stops = ended.map(([, running]) => running.stop());
      // Without its results, which would hold those of all earlier ends.
      this.#stopping = Promise.all([this.#stopping, ...stops]).then(() => {});
    }
    for (const record of work) {
      if (!this.#running.has(record.id)) this.#begin(record, version);
    }
  }

  /** True where nothing runs, and nothing that has to end is left. */
  async isIdle(): Promise<boolean> {
    const stopping = this.#stopping;
    await stopping;
    return this.#running.size === 0 && this.#stopping === stopping;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all([
      this.#stopping,
      ...[...this.#running.values()].map((running) => running.stop()),
    ]);
  }

  #begin(record: WorkRecord, version: string): void {
    const isOrdered = record.kind === "action" || record.kind === "message";
    const before = isOrdered ? Promise.all([this.#stopping, this.#inOrder]) : this.#stopping;
    let running: Running | undefined;
    const ended = before
      .then(() => {
        if (this.#isStopped || !this.#wanted.has(record.id)) return undefined;
        running = this.#start(record, version);
        return running.ended;
      })
      .catch((error: unknown) => this.#onFailed(record, error));
    if (isOrdered) this.#inOrder = ended;
    this.#running.set(record.id, {
      ended,
      stop: async () => {
        await running?.stop();
      },
    });
  }
}
