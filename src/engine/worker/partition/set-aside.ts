import { limits } from "../../../limits.ts";
import { pauseAfter } from "../../definition/durations.ts";

interface Aside {
  readonly revision: number;
  readonly failures: number;
  readonly untilMs: number;
}

/**
 * Actors that could not be run, each until it is tried again. An actor that moves on is tried at once. Where there are
 * too many, the one that was put aside first is tried too early.
 */
export class SetAside {
  readonly #actors = new Map<string, Aside>();

  /**
   * An actor has failed at a revision. The pause doubles with each failure.
   * @param revision -1 where it is not known
   */
  failed(actor: string, revision: number, nowMs: number): { failures: number; untilMs: number } {
    const known = this.#actors.get(actor);
    const isSame = known !== undefined && revision <= known.revision;
    const failures = isSame ? known.failures + 1 : 1;
    const pauses = { first: limits.workerRetryMs, longest: limits.workStuckRetryMsMax };
    const untilMs = nowMs + pauseAfter(failures, pauses);
    this.#put(actor, { revision: isSame ? known.revision : revision, failures, untilMs });
    return { failures, untilMs };
  }

  /** A worker leaves an actor alone at a revision, since a further look would find the same. */
  leave(actor: string, revision: number, nowMs: number): void {
    const known = this.#actors.get(actor)?.revision ?? -1;
    const untilMs = nowMs + limits.leftAloneLookMs;
    this.#put(actor, { revision: Math.max(known, revision), failures: 0, untilMs });
  }

  /** True for an actor that nobody has to try now. */
  has(actor: string, revision: number, nowMs: number): boolean {
    const known = this.#actors.get(actor);
    return known !== undefined && revision <= known.revision && nowMs < known.untilMs;
  }

  delete(actor: string): void {
    this.#actors.delete(actor);
  }

  #put(actor: string, aside: Aside): void {
    this.#actors.delete(actor);
    this.#actors.set(actor, aside);
    if (this.#actors.size <= limits.dueActorsMax) return;
    for (const first of this.#actors.keys()) {
      this.#actors.delete(first);
      return;
    }
  }
}
