import { join } from "node:path";
import type { MongoClient } from "mongodb";
import { chooseBackupTime } from "../src/database/backup/backup-time.ts";
import { dumpDatabase } from "../src/database/backup/dump/dump.ts";
import { verifyDump } from "../src/database/backup/dump/verify-dump.ts";
import { loadCollection } from "../src/database/restore/load/load.ts";
import { silentLog } from "../src/log.ts";
import { readCatalogue } from "../src/mongo/catalogue/catalogue.ts";
import { digestDatabase } from "../src/mongo/catalogue/digest.ts";
import { systemClock } from "../src/ports/clock.ts";
import { noFaults } from "../src/ports/fault-point.ts";
import type { Run } from "./figures.ts";
import { documentsFrom, fillCollection, type Material, withMaterial } from "./material.ts";

const signal = new AbortController().signal;

export async function seconds(act: () => Promise<unknown>): Promise<number> {
  const startMs = systemClock.monotonicMs();
  await act();
  return (systemClock.monotonicMs() - startMs) / 1000;
}

/** Dumps a database as an upgrade does, its hash and T taken before. */
export async function dump(
  client: MongoClient,
  databaseName: string,
  folder: string,
): Promise<{ readonly directory: string; readonly seconds: number; readonly megabytes: number }> {
  const catalogue = await readCatalogue(client, databaseName);
  const digest = await digestDatabase(client, databaseName);
  const control = { client, databaseName: "lockstep_bench" };
  const time = await chooseBackupTime({ control, faultPoints: noFaults });
  const directory = join(folder, "copy");
  let bytes = 0;
  const took = await seconds(async () => {
    const manifest = await dumpDatabase({
      ...{ client, databaseName, catalogue, digest, time, directory, signal },
      withMember: (_host, act) => act(client),
      ...{
        backupId: "copy",
        fleet: "bench",
        version: "1.0.0",
        faultPoints: noFaults,
        log: silentLog,
      },
    });
    bytes = manifest.collections.reduce((sum, entry) => sum + entry.bytes, 0);
  });
  return { directory, seconds: took, megabytes: bytes / 1_000_000 };
}

/** Loads all collections of a dump with their indexes. */
export async function load(client: MongoClient, databaseName: string, directory: string) {
  const manifest = await verifyDump(directory);
  const target = { client, databaseName, signal, faultPoints: noFaults, clock: systemClock };
  return seconds(async () => {
    for (const entry of manifest.collections) {
      await loadCollection(target, directory, manifest, entry, entry.name);
    }
  });
}

/** Megabytes a second of a dump, against a cursor of the driver that reads the same and keeps nothing. */
export function backup(): Promise<Run> {
  return withMaterial(async ({ client, folder }: Material) => {
    await fillCollection(client, "bench", 200);
    const read = await seconds(async () => {
      const cursor = client
        .db("bench")
        .collection("things")
        .find({}, { raw: true })
        .sort({ _id: 1 });
      for await (const _document of cursor);
    });
    const dumped = await dump(client, "bench", folder);
    return { value: dumped.megabytes / dumped.seconds, against: dumped.megabytes / read };
  });
}

/** Megabytes a second of a restore with two indexes, against the driver's own insertMany and createIndex. */
export function restore(): Promise<Run> {
  return withMaterial(async ({ client, folder }: Material) => {
    const own = await seconds(() => fillCollection(client, "bench", 200));
    const made = await seconds(async () => {
      for (let start = 0; start < 416_667; start += 5_000) documentsFrom(start, 5_000);
    });
    const { directory, megabytes } = await dump(client, "bench", folder);
    const took = await load(client, "bench_restored", directory);
    return { value: megabytes / took, against: megabytes / (own - made) };
  });
}
