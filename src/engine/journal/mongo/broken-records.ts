import { isLockstepError, messageOf } from "../../../errors.ts";
import { type Log, sayOnce } from "../../../log.ts";

/** The records that cannot be read: each is left out and said once, so that it stops nothing else. */
export class BrokenRecords {
  readonly #log: Log;
  readonly #isNew = sayOnce();

  constructor(log: Log) {
    this.#log = log;
  }

  /** @param instead stands for a broken record. Default: nothing does */
  readable<Stored, Read>(
    found: readonly Stored[],
    read: (stored: Stored) => Read,
    instead?: (stored: Stored) => Read,
  ): Read[] {
    return found.flatMap((stored) => {
      try {
        return [read(stored)];
      } catch (error) {
        if (!isLockstepError(error, "record-broken")) throw error;
        const words = messageOf(error);
        if (this.#isNew(words)) this.#log.warn({ error: words }, "a record is left out");
        return instead === undefined ? [] : [instead(stored)];
      }
    });
  }
}
