import type { Document } from "mongodb";
import { LockstepError, messageOf } from "../../errors.ts";
import { documentIds } from "../../journal/store.ts";
import { deposed, type Fenced, fencedTransaction } from "../../leadership/fenced-transaction.ts";
import { fencesOf, readFence } from "../../leadership/fences.ts";
import type { Log } from "../../log.ts";
import {
  type Catalogue,
  type CollectionEntry,
  dataCollection,
  differences,
  findCollection,
  readCatalogue,
} from "../../mongo/catalogue/catalogue.ts";
import { type Digests, digestDatabase, digestOf } from "../../mongo/catalogue/digest.ts";
import { majority } from "../../mongo/majority.ts";
import { reportTenths } from "../backup/load-progress.ts";
import type { DumpedCollection, Manifest } from "../backup/manifest.ts";
import { dropExactly } from "./drop.ts";
import { makeInPlace } from "./in-place.ts";
import { type LoadTarget, loadCollection } from "./load/load.ts";
import { createPlainly } from "./load/load-definitions.ts";
import { epochOfRestore, isOfRestore, loadedPrefix, replacedPrefix } from "./restore-names.ts";
import { type Swap, swap } from "./swap.ts";

export interface RestoreOptions extends Fenced {
  readonly databaseName: string;
  readonly directory: string;
  readonly manifest: Manifest;
  /** The live database at T, as it has to be again. */
  readonly catalogue: Catalogue;
  readonly digest: Digests;
  readonly log: Log;
}

const isOurs = ({ name }: { readonly name: string }) => isOfRestore(name);

/**
 * Writes the progress of the loading beside the fence at each tenth of its bytes. It serves people alone, so a lost
 * write does not matter.
 */
function writeProgress(
  { control, mastership, clock, log }: RestoreOptions,
  totalBytes: number,
): (bytes: number) => void {
  const { epoch } = mastership;
  return reportTenths(clock, totalBytes, (progress) => {
    fencesOf(control)
      .updateOne(
        { _id: documentIds.master, epoch },
        { $set: { restoring: { epoch, ...progress } } },
      )
      .catch((error: unknown) =>
        log.info({ error: messageOf(error) }, "the progress of the restore could not be written"),
      );
  });
}

/** Changes the fence at our epoch. From then on an older epoch is known to be over. */
async function holdFence(options: RestoreOptions, restore: Document): Promise<void> {
  const { control, mastership, faultPoints } = options;
  options.signal.throwIfAborted();
  mastership.signal.throwIfAborted();
  const fences = fencesOf(control);
  const touched = await faultPoints.write("restore-fence", () =>
    fences.updateOne(
      { _id: documentIds.master, epoch: mastership.epoch },
      {
        $inc: { sequence: 1 },
        $set: { restore },
        ...(restore["state"] === "loading" ? {} : { $unset: { restoring: "" } }),
      },
      majority,
    ),
  );
  if (touched.matchedCount !== 1) throw deposed(mastership.epoch);
}

interface State {
  /** The application's collections, without those that restores have made. */
  readonly live: Catalogue;
  readonly ours: readonly CollectionEntry[];
  readonly digests: Digests;
}

async function look({ client, databaseName }: RestoreOptions): Promise<State> {
  const { collections: all } = await readCatalogue(client, databaseName);
  const live = { collections: all.filter((entry) => !isOurs(entry)) };
  const holders = live.collections.flatMap((entry) => dataCollection(entry) ?? []);
  // An empty list would select all collections.
  const digests = holders.length > 0 ? await digestDatabase(client, databaseName, holders) : {};
  return { live, ours: all.filter(isOurs), digests };
}

const sameData = (entry: CollectionEntry, left: Digests, right: Digests): boolean => {
  const name = dataCollection(entry) ?? "";
  return left[name]?.hash === right[name]?.hash && left[name]?.count === right[name]?.count;
};

/**
 * The UUID of the collection that a schema step had begun to change. A late command of a deposed master may still
 * name this UUID.
 */
async function begunOn({ control }: RestoreOptions): Promise<string | null> {
  return (await readFence(control))?.progress?.target ?? null;
}

/** The collections of the backup that differ or may still change, and the collections that are new. */
function whatDiffers(
  { manifest, digest }: RestoreOptions,
  { live, digests }: State,
  begun: string | null,
) {
  const stale = manifest.collections.filter((wanted) => {
    const found = live.collections.filter(({ name }) => name === wanted.name);
    if (found.some(({ uuid }) => uuid === begun)) return true;
    const [one, other] = [{ collections: [wanted] }, { collections: found }];
    const same = differences(one, other, { ignoreUuid: true }).length === 0;
    return !same || !sameData(wanted, digest, digests);
  });
  const known = new Set(manifest.collections.map(({ name }) => name));
  return { stale, added: live.collections.filter(({ name }) => !known.has(name)) };
}

/**
 * Creates a collection in a transaction that a deposed master cannot commit. (The server allows neither a view nor a
 * time series in a transaction.)
 */
async function create(
  options: RestoreOptions,
  command: Document,
  type: CollectionEntry["type"],
): Promise<null> {
  if (type !== "collection") return createPlainly(options, command);
  const { client, databaseName, mastership } = options;
  await fencedTransaction(
    options,
    "restore-create",
    { field: "restore", sequence: 0, readConcern: "local" },
    async () => ({ prepared: undefined, progress: { epoch: mastership.epoch, state: "loading" } }),
    async (session) => {
      await client.db(databaseName).command(command, { session });
    },
  );
  return null;
}

/** Loads a copy beside the live collection, and proves it before anything is swapped. */
async function loadVerified(
  options: RestoreOptions,
  wanted: DumpedCollection,
  under: string,
  onBytes: (bytes: number) => void,
): Promise<string> {
  const { client, databaseName, directory, manifest, clock } = options;
  const signal = AbortSignal.any([options.signal, options.mastership.signal]);
  const target: LoadTarget = {
    ...{ client, databaseName, signal, clock, faultPoints: options.faultPoints, onBytes },
    create: (command, type) => create(options, command, type),
  };
  await loadCollection(target, directory, manifest, wanted, under);
  const data = dataCollection({ name: under, type: wanted.type });
  if (data !== null) {
    const { [data]: got } = await digestDatabase(client, databaseName, [data]);
    const expected = options.digest[dataCollection(wanted) ?? ""];
    if (got?.hash !== expected?.hash || got?.count !== expected?.count) {
      throw new LockstepError(
        "restore-failed",
        `the copy of "${wanted.name}" differs from the backup: expected ${expected?.count} documents with ${expected?.hash}, got ${got?.count} with ${got?.hash}`,
        { collection: wanted.name },
      );
    }
  }
  return (await findCollection(client, databaseName, under))?.uuid ?? "";
}

/**
 * Proves that everything equals the backup.
 * @throws LockstepError `restore-failed`
 */
async function proveEqual(options: RestoreOptions): Promise<string> {
  const { live, digests } = await look(options);
  const words = differences(options.catalogue, live, { ignoreUuid: true });
  const [expected, got] = [digestOf(options.digest), digestOf(digests)];
  if (expected !== got || words.length > 0) {
    throw new LockstepError(
      "restore-failed",
      `expected a restored database equal to the backup, found differences: ${words.join("; ") || "its data differs"}: the restore begins again`,
      { expected, got, differences: words },
    );
  }
  return got;
}

/**
 * Brings a database back to the backup. It loads copies beside the live collections and proves them, swaps them in,
 * proves the whole, and only then drops the replaced collections. It is idempotent, and any holder of a copy can
 * resume it at every point. A time series has no rename, so it is loaded in its place. A view is its definition, so
 * it is defined again.
 * @throws LockstepError `restore-failed`, `fenced`
 */
export async function restoreDatabase(
  options: RestoreOptions,
): Promise<{ readonly digest: string; readonly restored: readonly string[] }> {
  const { client, databaseName, mastership, log, faultPoints, clock } = options;
  const { epoch } = mastership;
  const signal = AbortSignal.any([options.signal, mastership.signal]);
  const target = { client, databaseName, faultPoints, clock, signal };
  // Collections of a successor are not ours to sweep.
  const isSwept = ({ name }: CollectionEntry) => epochOfRestore(name) <= epoch;
  await holdFence(options, { epoch, state: "loading" });
  const before = await look(options);
  const { stale, added } = whatDiffers(options, before, await begunOn(options));
  // These were loaded in part, or by a process that is no longer master. Replaced collections stay for now.
  const loaded = before.ours.filter(({ name }) => name.startsWith(loadedPrefix));
  for (const entry of loaded.filter(isSwept)) {
    await faultPoints.write("restore-sweep", () => dropExactly(client, databaseName, entry));
  }
  log.info(
    { stale: stale.map(({ name }) => name), added: added.map(({ name }) => name) },
    "restoring",
  );

  const onBytes = writeProgress(
    options,
    stale.reduce((sum, { bytes }) => sum + bytes, 0),
  );
  const replacedBy = (name: string) =>
    before.live.collections.find((entry) => entry.name === name)?.uuid || null;
  const swaps: Swap[] = [];
  for (const [index, wanted] of stale.entries()) {
    if (wanted.type !== "collection") continue;
    const under = `${loadedPrefix}${epoch}.${index}`;
    const uuid = await loadVerified(options, wanted, under, onBytes);
    swaps.push({ name: wanted.name, uuid, replaces: replacedBy(wanted.name) });
  }
  const inPlace = stale.filter(({ type }) => type !== "collection");
  // A collection in the place of a view or a time series is kept as well, until all is proven.
  const isCollection = ({ name, type }: CollectionEntry) =>
    type === "collection" && inPlace.some((wanted) => wanted.name === name);
  const gone = [...added, ...before.live.collections.filter(isCollection)];
  swaps.push(...gone.map(({ name }) => ({ name, uuid: null, replaces: replacedBy(name) })));
  await holdFence(options, { epoch, state: "swapping", swaps: swaps.map((each) => ({ ...each })) });
  for (const wanted of swaps) await swap(target, wanted, `${replacedPrefix}${epoch}`);
  await makeInPlace(inPlace, async (wanted) => {
    await holdFence(options, { epoch, state: "in-place", name: wanted.name });
    await loadVerified(options, wanted, wanted.name, onBytes);
  });

  const digest = await proveEqual(options);
  await holdFence(options, { epoch, state: "restored" });
  for (const entry of (await look(options)).ours.filter(isSwept)) {
    await faultPoints.write("restore-sweep", () => dropExactly(client, databaseName, entry));
  }
  log.info({ digest, restored: stale.map(({ name }) => name) }, "restored and verified");
  return { digest, restored: stale.map(({ name }) => name) };
}
