import { type Log, sayOnce } from "../../log.ts";

/** Says of the actors that a worker leaves alone, once for each version and reason. */
export class LeftAlone {
  readonly #log: Log;
  readonly #isNew = sayOnce();

  constructor(log: Log) {
    this.#log = log;
  }

  /** @param actor the first one of that version, as an example */
  say(actor: string, of: { machine: unknown; version: unknown }, reason: string, kind: string) {
    if (!this.#isNew(JSON.stringify([of.machine, of.version, kind]))) return;
    const { machine, version } = of;
    this.#log.warn(
      { actor, machine, version, why: reason },
      "this worker leaves an actor alone, and others like it",
    );
  }
}
