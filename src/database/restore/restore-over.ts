import { type Fenced, fencedTransaction } from "../../leadership/fenced-transaction.ts";
import type { Log } from "../../log.ts";
import { dataCollection } from "../../mongo/catalogue/catalogue.ts";
import type { Digests } from "../../mongo/catalogue/digest.ts";
import type { Manifest } from "../backup/manifest.ts";
import { firstProgress, readProgress } from "../migration/progress.ts";
import { restoreDatabase } from "./restore.ts";

/** The server's hash and the count of each collection in a backup's manifest. Pure. */
function digestsOf(manifest: Manifest): Digests {
  return Object.fromEntries(
    manifest.collections.flatMap((entry) => {
      const source = dataCollection(entry);
      return source === null ? [] : [[source, { hash: entry.hash, count: entry.documents }]];
    }),
  );
}

/**
 * Replaces the live data by a backup. The fence first records that the live data changes, so a successor knows that
 * the way back is a restore.
 * @throws LockstepError `restore-failed`, `fenced`
 */
export async function restoreOver(
  options: Fenced & {
    readonly databaseName: string;
    readonly upgradeId: string;
    readonly directory: string;
    readonly manifest: Manifest;
    readonly log: Log;
  },
): Promise<void> {
  const { control, upgradeId, manifest } = options;
  if (!(await readProgress(control, "progress", upgradeId))) {
    await fencedTransaction(
      options,
      "restore-begin",
      { field: "progress", sequence: 0 },
      async () => ({ prepared: undefined, progress: { ...firstProgress(upgradeId, "restore") } }),
      async () => {},
    );
  }
  await restoreDatabase({
    ...options,
    catalogue: { collections: manifest.collections },
    digest: digestsOf(manifest),
  });
}
