import { savedDirectory } from "../../control/ids.ts";
import { chooseBackupTime } from "../../database/backup/backup-time.ts";
import { holdHistory, releaseHistory } from "../../database/history/history.ts";
import { endEarlierOperations } from "../../database/isolation/end-earlier-operations.ts";
import { findWritesSince, refuseForeignWrites } from "../../database/isolation/foreign-writes.ts";
import { saveForeignWrites } from "../../database/isolation/save-foreign-writes.ts";
import { pauseDeletions, resumeDeletions } from "../../database/isolation/ttl-hold.ts";
import { allowWrites, blockWrites } from "../../database/isolation/write-block.ts";
import { controlOf } from "../../leadership/fences.ts";
import { fencedBy, type MongoDatabaseOptions } from "./mongo-options.ts";
import type { Acting, UpgradeDatabase } from "./upgrade-database.ts";

/** The primitives that make the live data rest, and look whether it does. */
export function isolationOn(options: MongoDatabaseOptions) {
  const { client, databaseName, faultPoints, clock, log } = options;
  const control = controlOf(options);
  const hold = { ...options, control };
  const held = (acting: Acting) => ({ ...hold, ...fencedBy(options, acting) });
  return {
    chooseTime: () => chooseBackupTime({ control, faultPoints }),
    endEarlierOperations: () => endEarlierOperations({ client, databaseName, clock, log }),
    refuseForeignWrites: ({ signal }, time, whatNext) =>
      refuseForeignWrites({ ...hold, time, signal }, whatNext),
    findWritesSince: ({ signal }, ms) => findWritesSince({ ...hold, signal }, ms),
    saveForeignWrites: ({ effect, signal }, time) => {
      const directory = savedDirectory(options.dataDirectory, effect);
      return saveForeignWrites({ ...hold, time, signal, directory, log });
    },

    pauseDeletions: (acting) => pauseDeletions(held(acting), acting.actor),
    resumeDeletions: (isWanted) => resumeDeletions(hold, isWanted),
    holdHistory: (acting, seconds) => holdHistory(held(acting), acting.effect, seconds),
    releaseHistory: (isWanted) => releaseHistory(hold, isWanted),
    blockWrites: (acting) => blockWrites(held(acting), acting.effect),
    async allowWrites(isWanted) {
      await allowWrites(hold, isWanted);
    },
  } satisfies Partial<UpgradeDatabase>;
}
