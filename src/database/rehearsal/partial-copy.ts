import type { MongoClient } from "mongodb";
import { dataCollection } from "../../mongo/catalogue/catalogue.ts";
import type { VerifiedDump } from "../backup/dump/verify-dump.ts";
import type { DumpedCollection, Manifest } from "../backup/manifest.ts";
import { haveUniqueKeys, uniqueIndexes } from "../definitions/unique-keys.ts";
import type { Reach } from "../migration/runner.ts";
import { dropExactly, dropIfThere } from "../restore/drop.ts";
import {
  createDefinitions,
  type LoadDatabaseOptions,
  loadEqual,
} from "../restore/load/load-database.ts";

/**
 * A copy in a scratch database. It has all collections, indexes and views from the start, and the documents of a
 * collection once something reaches it.
 */
export interface PartialCopy {
  /** The collections without their documents that an operation reaches. Pure. */
  missing(reach: Reach): readonly string[];
  /**
   * Loads these collections, and proves each. After a failure every call fails.
   * @throws LockstepError `backup-mismatch`, `restore-failed`
   */
  load(names: readonly string[]): Promise<void>;
  /**
   * Proves that the server could build the unique indexes of what is still missing. It loads what no other look can
   * prove.
   * @throws LockstepError `restore-failed`
   */
  proveMissing(): Promise<void>;
  /** Stops a load that is under way, and waits for its end. */
  close(): Promise<void>;
}

export interface PartialCopyOptions {
  /** The claimed database, which is empty. */
  readonly target: LoadDatabaseOptions;
  readonly directory: string;
  /** A copy that was taken while nobody wrote. */
  readonly dump: VerifiedDump;
  /** The live database, in which nobody has written since. */
  readonly live: { readonly client: MongoClient; readonly databaseName: string };
}

/** True for a collection whose documents no hash has proven, or that an operation may reach. */
const hasDocuments = (entry: DumpedCollection, equal: readonly string[]) =>
  entry.type !== "view" && !(entry.documents === 0 && equal.includes(entry.name));

/** The collections that an operation reaches. A view reaches all, since its sources have sources. Pure. */
function reached(
  { collections }: Pick<Manifest, "collections">,
  missing: readonly DumpedCollection[],
  reach: Reach,
): readonly string[] {
  const isView = ({ type, name }: DumpedCollection) => type === "view" && reach.includes(name);
  const isAll = reach === "all" || collections.some(isView);
  const isNamed = (entry: DumpedCollection) =>
    reach.includes(entry.name) || reach.includes(dataCollection(entry) ?? "");
  return missing.filter((entry) => isAll || isNamed(entry)).map(({ name }) => name);
}

/** Makes the definitions of a copy, and loads what no hash has proven. */
export async function createPartialCopy(options: PartialCopyOptions): Promise<PartialCopy> {
  const { directory, live, dump } = options;
  const { manifest, equal } = dump;
  const stopping = new AbortController();
  const signal = AbortSignal.any([options.target.signal, stopping.signal]);
  const target = { ...options.target, signal };
  const identities = await createDefinitions(target, manifest);
  const missing = new Map(
    manifest.collections
      .filter((entry) => hasDocuments(entry, equal))
      .map((entry) => [entry.name, entry]),
  );

  const loadOne = async (entry: DumpedCollection) => {
    const { client, databaseName, faultPoints } = target;
    const uuid = identities.get(entry.name)?.collectionUUID?.toString("hex") ?? "";
    signal.throwIfAborted();
    // A load builds the indexes last, so it begins with a new collection.
    await faultPoints.write("load-drop", () =>
      entry.type === "collection"
        ? dropExactly(client, databaseName, { name: entry.name, uuid })
        : dropIfThere(client, databaseName, entry.name),
    );
    await loadEqual(target, directory, manifest, entry);
    missing.delete(entry.name);
    target.log.info({ collection: entry.name, bytes: entry.bytes }, "collection loaded");
  };
  // One after another: what has failed once leaves a collection in part.
  let last: Promise<void> = Promise.resolve();
  const load = (names: readonly string[]): Promise<void> => {
    last = last.then(async () => {
      for (const name of names) {
        const entry = missing.get(name);
        if (entry) await loadOne(entry);
      }
    });
    return last;
  };
  await load([...missing.keys()].filter((name) => !equal.includes(name)));
  return {
    missing: (reach) => reached(manifest, [...missing.values()], reach),
    load,
    async proveMissing() {
      for (const entry of [...missing.values()]) {
        for (const index of uniqueIndexes(entry)) {
          signal.throwIfAborted();
          if (await haveUniqueKeys(live.client, live.databaseName, entry.name, index)) continue;
          await load([entry.name]);
          break;
        }
      }
    },
    async close() {
      stopping.abort();
      await last.catch(() => {});
    },
  };
}
