import { backupDirectory } from "../../control/ids.ts";
import { dataDatabase } from "../../database/data-database.ts";
import { createPartialCopy } from "../../database/rehearsal/partial-copy.ts";
import { loadDatabase } from "../../database/restore/load/load-database.ts";
import { restoreDatabase } from "../../database/restore/restore.ts";
import { requireSameServer } from "../../database/restore/restore-beside.ts";
import { restoreOver } from "../../database/restore/restore-over.ts";
import { clearScratch, type ScratchOptions, withScratch } from "../../database/restore/scratch.ts";
import { controlOf } from "../../leadership/fences.ts";
import { readMemberSpace, requireMemberSpace } from "../../mongo/requirements/space.ts";
import { copiesOn } from "./mongo-copies.ts";
import { isolationOn } from "./mongo-isolation.ts";
import { fencedBy, type MongoDatabaseOptions } from "./mongo-options.ts";
import { preflightUpgrade } from "./preflight-upgrade.ts";
import type { Acting, UpgradeDatabase } from "./upgrade-database.ts";

/** The primitives that load copies: into a scratch database, and in place of the live data. */
function restoresOn(options: MongoDatabaseOptions) {
  const { client, withMember, databaseName, faultPoints, clock, log } = options;
  const directoryOf = (folder: string) => backupDirectory(options.dataDirectory, folder);
  const control = controlOf(options);
  const scratchOptions = (acting: Acting, purpose: string): ScratchOptions => ({
    ...{ client, control, signal: acting.signal, faultPoints, clock, log },
    ...{ purpose, fenced: fencedBy(options, acting) },
  });
  return {
    requireServerOf: ({ manifest }) => requireSameServer(client, manifest.serverVersion),
    withScratch: (acting, purpose, act) =>
      withScratch(scratchOptions(acting, purpose), ({ name, target, fenced: { signal } }) =>
        act({
          ...dataDatabase({ client, withMember, control, faultPoints }, name, "rehearsal"),
          signal,
          async load({ folder, manifest }, loading) {
            const either = AbortSignal.any([loading, signal]);
            await loadDatabase({ ...target, signal: either, log }, directoryOf(folder), manifest);
          },
          loadPartly: ({ folder, ...dump }, loading) =>
            createPartialCopy({
              ...{ dump, directory: directoryOf(folder), live: { client, databaseName } },
              target: { ...target, signal: AbortSignal.any([loading, signal]), log },
            }),
        }),
      ),
    async clearScratch(acting, purpose) {
      await clearScratch(scratchOptions(acting, purpose));
    },
    async restore(acting, { folder, manifest }, wanted) {
      const directory = directoryOf(folder);
      const { digest } = await restoreDatabase({
        ...{ ...fencedBy(options, acting), ...wanted, databaseName, directory, manifest, log },
      });
      return digest;
    },
    restoreOver: (acting, upgradeId, { folder, manifest }) =>
      restoreOver({
        ...{ ...fencedBy(options, acting), databaseName, upgradeId, manifest, log },
        directory: directoryOf(folder),
      }),
  } satisfies Partial<UpgradeDatabase>;
}

/** The primitives on MongoDB, and on this host's disk. */
export function createMongoDatabase(options: MongoDatabaseOptions): UpgradeDatabase {
  const live = { ...options, control: controlOf(options) };
  return {
    live: dataDatabase(live, options.databaseName, "progress"),
    ...isolationOn(options),
    ...copiesOn(options),
    ...restoresOn(options),
    async requireRoom(neededBytes) {
      requireMemberSpace(await readMemberSpace(options), neededBytes);
    },
    preflight: (extra) => preflightUpgrade(options, extra),
  };
}
