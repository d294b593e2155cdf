import { limits } from "../../limits.ts";
import type { Log } from "../../log.ts";

/** Says of the actors that a worker leaves alone, once for each version and reason. */
export class LeftAlone {
  readonly #log: Log;
  readonly #said = new Set<string>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** @param actor the first one of that version, as an example */
  say(actor: string, of: { machine: unknown; version: unknown }, reason: string, kind: string) {
    const key = JSON.stringify([of.machine, of.version, kind]);
    if (this.#said.has(key)) return;
    if (this.#said.size >= limits.leftAloneSaidMax) this.#said.clear();
    this.#said.add(key);
    const fields = { actor, machine: of.machine, version: of.version, reason };
    this.#log.warn(fields, "this worker leaves an actor alone, and others like it");
  }
}
