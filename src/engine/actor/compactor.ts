import { messageOf } from "../../errors.ts";
import { limits } from "../../limits.ts";
import type { Log } from "../../log.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Entry } from "../journal/entry.ts";
import type { EngineStore, Superseded } from "../journal/store.ts";

interface CompactorPorts {
  readonly store: Pick<EngineStore, "compact">;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Clears the large snapshots that this process has replaced, a while later: an actor that moves often costs one write a
 * while. Small ones stay until their entries go, since clearing costs as much as the transition did. A large snapshot
 * whose process dies first stays, too.
 */
export class Compactor {
  readonly #ports: CompactorPorts;
  readonly #waiting = new Map<string, Superseded>();
  readonly #stopping = new AbortController();
  #loop: Promise<void> | undefined;

  constructor(ports: CompactorPorts) {
    this.#ports = ports;
  }

  /** Clears what waits, as far as one write does. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
    await this.#step();
  }

  /** An entry has replaced a large snapshot. */
  note({ actor, startedAtMs, revision }: Pick<Entry, "actor" | "startedAtMs" | "revision">): void {
    const known = this.#waiting.get(actor);
    if (known === undefined && this.#waiting.size >= limits.compactionActorsMax) return;
    const isSameLife = known?.startedAtMs === startedAtMs;
    const from = isSameLife ? Math.min(known.from, revision - 1) : revision - 1;
    this.#waiting.set(actor, { actor, startedAtMs, from, below: revision });
    this.#loop ??= this.#run();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (this.#waiting.size > 0 && !signal.aborted) {
      await this.#ports.clock.sleep(limits.compactEveryMs, signal);
      if (!signal.aborted) await this.#step();
    }
    this.#loop = undefined;
  }

  async #step(): Promise<void> {
    const some = [...this.#waiting.values()].slice(0, limits.compactionActorsOnce);
    if (some.length === 0) return;
    try {
      await this.#ports.store.compact(some);
    } catch (error) {
      this.#ports.log.info({ error: messageOf(error) }, "snapshots could not be cleared yet");
      return;
    }
    for (const each of some) {
      if (this.#waiting.get(each.actor) === each) this.#waiting.delete(each.actor);
    }
  }
}
