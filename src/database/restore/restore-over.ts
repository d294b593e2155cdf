import { type Fenced, fencedTransaction } from "../../leadership/fenced-transaction.ts";
import type { Log } from "../../log.ts";
import { dataCollection } from "../../mongo/catalogue/catalogue.ts";
import type { Digests } from "../../mongo/catalogue/digest.ts";
import type { Manifest } from "../backup/manifest.ts";
import { firstProgress, readProgress } from "../migration/progress.ts";
import { restoreDatabase } from "./restore.ts";

/** What a backup's manifest says of its data: per collection the server's hash, and the count. Pure. */
function digestsOf(manifest: Manifest): Digests {
  return Object.fromEntries(
    manifest.collections.flatMap((entry) => {
      const source = dataCollection(entry);
      return source === null ? [] : [[source, { hash: entry.hash, count: entry.documents }]];
    }),
  );
}

/**
 * Puts a backup in place of the live data. The fence says first that the live data is changed from
 * here on, so whoever takes over knows that the way back is a restore.
 * @throws LockstepError `restore-failed`, `fenced`
 */
export async function restoreOver(
  options: Fenced & {
    readonly databaseName: string;
    readonly upgrade: string;
    readonly directory: string;
    readonly manifest: Manifest;
    readonly log: Log;
  },
): Promise<void> {
  const { control, upgrade, manifest } = options;
  if (!(await readProgress(control, "progress", upgrade))) {
    await fencedTransaction(
      options,
      "restore-begin",
      { field: "progress", sequence: 0 },
      async () => ({ prepared: undefined, progress: { ...firstProgress(upgrade, "restore") } }),
      async () => {},
    );
  }
  await restoreDatabase({
    ...options,
    catalogue: { collections: manifest.collections },
    digest: digestsOf(manifest),
  });
}
