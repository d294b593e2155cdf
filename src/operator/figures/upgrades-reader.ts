import { coordinatorPrefix } from "../../control/ids.ts";
import { headsUpTo } from "../../fleet-engine/read/read.ts";
import type { Store } from "../../journal/store.ts";
import { noUpgrades, runningSince, sumOf, totalsOf, type UpgradeTotals } from "./upgrade-totals.ts";

/** The figures of all upgrades of a fleet. */
export interface UpgradesFigures {
  readonly totals: UpgradeTotals;
  /** The milliseconds for which each pending effect has run, by its name. */
  readonly running: ReadonlyMap<string, number>;
}

interface Latest {
  readonly actor: string;
  readonly revision: number;
  readonly totals: UpgradeTotals;
  readonly since: ReadonlyMap<string, number>;
}

/**
 * Counts what the journals of all upgrades say. A reading costs one entry while nothing moves, and the heads of the latest
 * upgrade after a transition. The earlier upgrades are read once, and at each new one.
 */
export class UpgradesReader {
  readonly #store: Pick<Store, "lastTail" | "tails" | "heads" | "now">;
  /** The upgrades before the latest one. */
  #past: UpgradeTotals = noUpgrades;
  #pastUpTo = "";
  #latest: Latest | null = null;

  constructor(store: Pick<Store, "lastTail" | "tails" | "heads" | "now">) {
    this.#store = store;
  }

  async read(): Promise<UpgradesFigures> {
    const tail = await this.#store.lastTail(coordinatorPrefix);
    if (tail === undefined) return { totals: noUpgrades, running: new Map() };
    const { actor, revision } = tail;
    if (actor !== this.#latest?.actor) await this.#countBefore(actor);
    if (actor !== this.#latest?.actor || revision !== this.#latest.revision) {
      const heads = await headsUpTo(this.#store, tail);
      this.#latest = { actor, revision, totals: totalsOf(heads), since: runningSince(heads) };
    }
    const { totals, since } = this.#latest;
    const now = since.size > 0 ? await this.#store.now() : 0;
    return {
      totals: sumOf(this.#past, totals),
      running: new Map([...since].map(([name, at]) => [name, Math.max(0, now - at)])),
    };
  }

  /** A new upgrade begins only after the end of each earlier one. */
  async #countBefore(latest: string): Promise<void> {
    for (const tail of await this.#store.tails(coordinatorPrefix)) {
      const { actor } = tail;
      if (actor <= this.#pastUpTo || actor >= latest) continue;
      this.#past = sumOf(this.#past, totalsOf(await headsUpTo(this.#store, tail)));
      this.#pastUpTo = actor;
    }
  }
}
