import { messageOf } from "../../errors.ts";
import { limits } from "../../limits.ts";
import type { Log } from "../../log.ts";
import type { Clock } from "../../ports/clock.ts";
import { isLater, type Place } from "../journal/entry.ts";
import type { WorkflowStore } from "../journal/store.ts";

interface CompactorPorts {
  readonly store: Pick<WorkflowStore, "compact">;
  readonly clock: Clock;
  readonly log: Log;
}

/** Sets a key as the one that was used last, and drops the one that was not used for longest where there are too many. */
function setLast(map: Map<string, Place>, key: string, value: Place): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= limits.compactionActorsMax) return;
  for (const first of map.keys()) {
    map.delete(first);
    return;
  }
}

/**
 * Clears the snapshots of superseded entries behind, for all partitions of one worker. An actor that moves often costs one
 * write a while. What it drops or loses with its process is cleared when the actor moves again.
 */
export class Compactor {
  readonly #ports: CompactorPorts;
  /** The latest revision of actors that have moved. */
  readonly #waiting = new Map<string, Place>();
  /** The revision below which the entries of an actor are cleared. */
  readonly #cleared = new Map<string, Place>();
  readonly #stopping = new AbortController();
  #loop: Promise<void> = Promise.resolve();

  constructor(ports: CompactorPorts) {
    this.#ports = ports;
  }

  start(): void {
    this.#loop = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
    await this.#step();
  }

  /** An actor has reached a revision. */
  note({ actor, startedAtMs, revision }: Place & { readonly actor: string }): void {
    const place = { startedAtMs, revision };
    const isKnown = [this.#cleared.get(actor), this.#waiting.get(actor)].some(
      (known) => known !== undefined && !isLater(place, known),
    );
    if (!isKnown && revision > 0) setLast(this.#waiting, actor, place);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await this.#ports.clock.sleep(limits.compactEveryMs, signal);
      if (!signal.aborted) await this.#step();
    }
  }

  async #step(): Promise<void> {
    const some = [...this.#waiting].slice(0, limits.compactionActorsOnce);
    if (some.length === 0) return;
    const superseded = some.map(([actor, place]) => {
      const cleared = this.#cleared.get(actor);
      const from = cleared?.startedAtMs === place.startedAtMs ? cleared.revision : 0;
      return { actor, ...place, from };
    });
    try {
      await this.#ports.store.compact(superseded);
    } catch (error) {
      this.#ports.log.info({ error: messageOf(error) }, "snapshots could not be cleared yet");
      return;
    }
    for (const [actor, place] of some) {
      setLast(this.#cleared, actor, place);
      if (this.#waiting.get(actor) === place) this.#waiting.delete(actor);
    }
  }
}
