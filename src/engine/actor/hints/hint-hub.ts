import { messageOf } from "../../../errors.ts";
import type { Log } from "../../../log.ts";
import type { EngineStore, Hint, Watch } from "../../journal/store.ts";

/** The place of an entry that was appended, or null where entries may have been missed. */
type OnHint = (hint: Hint | null) => void;

/** The ports of the hints. */
export interface HintPorts {
  readonly store: Pick<EngineStore, "watch">;
  readonly log: Log;
  /** See `Actors.nonces`. */
  readonly except: string;
}

/** One watch of the store for all listeners in this process, while there are any. It leaves out what the process itself appends. */
export class HintHub {
  readonly #ports: HintPorts;
  readonly #listeners = new Set<OnHint>();
  #watch: Watch | undefined;
  #isBroken = false;

  constructor(ports: HintPorts) {
    this.#ports = ports;
  }

  listen(onHint: OnHint): () => void {
    this.#listeners.add(onHint);
    this.#watch ??= this.#begin();
    return () => {
      this.#listeners.delete(onHint);
      if (this.#listeners.size > 0) return;
      this.#watch?.stop();
      this.#watch = undefined;
    };
  }

  /** True where the listeners have heard of all that was appended before a mark, or of a gap instead. */
  hasPassed(mark: string): boolean {
    return this.#watch?.hasPassed(mark) ?? false;
  }

  #begin(): Watch {
    const { store, log, except } = this.#ports;
    return store.watch({
      except,
      onAppended: (hint) => {
        if (hint === null) this.#isBroken = false;
        for (const listener of this.#listeners) listener(hint);
      },
      onBroken: (error) => {
        // Each try to begin anew fails likewise.
        if (this.#isBroken) return;
        this.#isBroken = true;
        log.warn(
          { error: messageOf(error) },
          "this process does not hear of what others append until its watch is open again",
        );
      },
    });
  }
}
