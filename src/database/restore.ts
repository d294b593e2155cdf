import { type Document, type MongoClient, UUID } from "mongodb";
import { LockstepError } from "../errors.ts";
import { limits } from "../limits.ts";
import type { Log } from "../log.ts";
import { systemClock } from "../ports/clock.ts";
import { collections, documentIds } from "../store/store.ts";
import { isNetworkTrouble } from "../store/transient.ts";
import { type Catalogue, differences, readCatalogue } from "./catalogue.ts";
import { type Digests, digestDatabase, digestOf } from "./digest.ts";
import { deposed, type Fenced } from "./fenced-transaction.ts";
import { loadCollection } from "./load.ts";
import type { DumpedCollection, Manifest } from "./manifest.ts";
import { hasCode } from "./server-errors.ts";

export interface RestoreOptions extends Fenced {
  readonly databaseName: string;
  readonly directory: string;
  readonly manifest: Manifest;
  /** The live database at T: what has to be there again. */
  readonly catalogue: Catalogue;
  readonly digest: Digests;
  readonly log: Log;
}

const prefix = "lockstep_restore.";

/** Really changes the fence at our epoch, so that from here on an older one is known to be over. */
async function holdFence(options: RestoreOptions, restore: Document): Promise<void> {
  const { control, mastership, seam } = options;
  options.signal.throwIfAborted();
  mastership.signal.throwIfAborted();
  const fences = control.client
    .db(control.databaseName)
    .collection<{ _id: string } & Document>(collections.fences);
  const touched = await seam.write("restore-fence", () =>
    fences.updateOne(
      { _id: documentIds.master, epoch: mastership.epoch },
      { $inc: { sequence: 1 }, $set: { restore } },
      { writeConcern: { w: "majority", journal: true } },
    ),
  );
  if (touched.matchedCount !== 1) throw deposed(mastership.epoch);
}

/** Which collections are not what they were; also those that are new. */
async function whatDiffers(options: RestoreOptions): Promise<{
  readonly stale: readonly DumpedCollection[];
  readonly added: readonly string[];
  readonly live: Catalogue;
}> {
  const live = await readCatalogue(options.client, options.databaseName);
  const present = live.collections.filter(({ name }) => !name.startsWith(prefix));
  const digests = await digestDatabase(options.client, options.databaseName);
  const stale = options.manifest.collections.filter((wanted) => {
    const found = present.filter(({ name }) => name === wanted.name);
    const same =
      differences({ collections: [wanted] }, { collections: found }, { ignoreUuid: true })
        .length === 0;
    const expected = options.digest[wanted.name];
    const got = digests[wanted.name];
    return !same || got?.hash !== expected?.hash || got?.count !== expected?.count;
  });
  const known = new Set(options.manifest.collections.map(({ name }) => name));
  const added = present.map(({ name }) => name).filter((name) => !known.has(name));
  return { stale, added, live };
}

/** Loads a copy beside the live collection, and proves it before anything is swapped. */
async function loadVerified(
  options: RestoreOptions,
  wanted: DumpedCollection,
  temporary: string,
): Promise<string> {
  const { client, databaseName, directory, manifest } = options;
  const signal = AbortSignal.any([options.signal, options.mastership.signal]);
  const target = { client, databaseName, signal, seam: options.seam };
  await loadCollection(target, directory, manifest, wanted, temporary);
  const digests = await digestDatabase(client, databaseName, [temporary]);
  const [expected, got] = [options.digest[wanted.name], digests[temporary]];
  if (got?.hash !== expected?.hash || got?.count !== expected?.count) {
    throw new LockstepError(
      "restore-failed",
      `the copy of "${wanted.name}" is not what was backed up: expected ${expected?.count} documents with ${expected?.hash}, got ${got?.count} with ${got?.hash}`,
      { collection: wanted.name },
    );
  }
  const { collections: live } = await readCatalogue(client, databaseName);
  return live.find(({ name }) => name === temporary)?.uuid ?? "";
}

/** Puts the copy in the live collection's place. The UUID decides whether that has happened. */
async function swap(
  options: RestoreOptions,
  temporary: string,
  name: string,
  uuid: string,
): Promise<void> {
  const { client, databaseName, seam } = options;
  for (let attempt = 1; ; attempt += 1) {
    options.signal.throwIfAborted();
    options.mastership.signal.throwIfAborted();
    const { collections: live } = await readCatalogue(client, databaseName);
    if (live.find((entry) => entry.name === name)?.uuid === uuid) return;
    try {
      await seam.write("restore-swap", () =>
        client.db("admin").command({
          renameCollection: `${databaseName}.${temporary}`,
          to: `${databaseName}.${name}`,
          dropTarget: true,
          collectionUUID: new UUID(uuid),
          writeConcern: { w: "majority" },
        }),
      );
    } catch (error) {
      const again = isNetworkTrouble(error) || hasCode(error, 26);
      if (!again || attempt >= limits.loadAttemptsMax) throw error;
      await systemClock.sleep(limits.effectRetryDelayMs, options.signal);
    }
  }
}

async function drop(client: MongoClient, databaseName: string, name: string): Promise<void> {
  await client
    .db(databaseName)
    .dropCollection(name, { writeConcern: { w: "majority" } })
    .catch((error: unknown) => {
      if (!hasCode(error, 26)) throw error;
    });
}

/**
 * Brings a database back to what was backed up: loads beside, proves, swaps by rename, drops what
 * was added, proves all of it. Idempotent, and resumable from every point by any holder of a copy.
 * @throws LockstepError `restore-failed`, `fenced`
 */
export async function restoreDatabase(
  options: RestoreOptions,
): Promise<{ readonly digest: string; readonly restored: readonly string[] }> {
  const { client, databaseName, mastership, log } = options;
  await holdFence(options, { epoch: mastership.epoch, state: "loading" });
  const { stale, added, live } = await whatDiffers(options);
  // Strays of older epochs: half loaded, or loaded by somebody who is not master any more.
  for (const { name } of live.collections.filter((entry) => entry.name.startsWith(prefix))) {
    await drop(client, databaseName, name);
  }
  log.info({ stale: stale.map(({ name }) => name), added }, "restoring");

  const loaded: { name: string; temporary: string; uuid: string }[] = [];
  for (const [index, wanted] of stale.entries()) {
    const temporary = `${prefix}${mastership.epoch}.${index}`;
    const uuid = await loadVerified(options, wanted, temporary);
    loaded.push({ name: wanted.name, temporary, uuid });
  }
  await holdFence(options, { epoch: mastership.epoch, state: "swapping", loaded });
  for (const { temporary, name, uuid } of loaded) await swap(options, temporary, name, uuid);
  for (const name of added) {
    await holdFence(options, { epoch: mastership.epoch, state: "dropping", name });
    await options.seam.write("restore-drop", () => drop(client, databaseName, name));
  }

  const digests = await digestDatabase(client, databaseName);
  const catalogue = await readCatalogue(client, databaseName);
  const words = differences(options.catalogue, catalogue, { ignoreUuid: true });
  const [expected, got] = [digestOf(options.digest), digestOf(digests)];
  if (expected !== got || words.length > 0) {
    throw new LockstepError(
      "restore-failed",
      `the restored database is not what was backed up: ${words.join("; ") || "its data differs"}`,
      { expected, got, differences: words },
    );
  }
  await holdFence(options, { epoch: mastership.epoch, state: "restored" });
  log.info({ digest: got, restored: stale.map(({ name }) => name) }, "restored and verified");
  return { digest: got, restored: stale.map(({ name }) => name) };
}
