// Aim: a collection's name that fits into its own database, and not into one that it is copied to, is refused by
// name before anything is written; the longest that fits is carried. Method: the pure decision at its edge; real
// copies at the edge and one byte past it, since the server has the last word.
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, onTestFinished, test } from "vitest";
import { createBackup } from "../../src/database/backup/backup.ts";
import type { Manifest } from "../../src/database/backup/manifest.ts";
import { restoreBeside } from "../../src/database/restore/restore-beside.ts";
import { createMongoStore } from "../../src/journal/mongo-store.ts";
import { silentLog } from "../../src/log.ts";
import type { CollectionEntry } from "../../src/mongo/catalogue/catalogue.ts";
import { controlDatabaseName, scratchDatabaseNames } from "../../src/mongo/database-names.ts";
import { requireNamesFit } from "../../src/mongo/requirements/name-lengths.ts";
import { systemClock } from "../../src/ports/clock.ts";
import { noFaults } from "../../src/ports/fault-point.ts";
import {
  type PreflightOptions,
  preflightUpgrade,
} from "../../src/upgrade/database/preflight-upgrade.ts";
import { createSetting, never, type Setting, withMember } from "../database/setting.ts";

const entry = (name: string, type: CollectionEntry["type"] = "collection"): CollectionEntry => ({
  ...{ name, type, uuid: "", options: "", indexes: [] },
});
const tenBytes = "d".repeat(10);

test.each([
  ["a plain name", entry("c".repeat(244))],
  ["letters of three bytes", entry(`${"語".repeat(81)}c`)],
  ["a time series, whose data has a longer name", entry("c".repeat(229), "timeseries")],
  ["a view", entry("c".repeat(244), "view")],
])("fits to the byte: %s", (_kind, collection) => {
  const of = (more: string) => ({ collections: [{ ...collection, name: collection.name + more }] });
  expect(() => requireNamesFit(of(""), ["short", tenBytes])).not.toThrow();
  expect(() => requireNamesFit(of("x"), ["short"])).not.toThrow();
  expect(() => requireNamesFit(of("x"), [tenBytes, "short"])).toThrow(
    /at most 244 bytes.*\(245\).*"dddddddddd"/,
  );
});

let setting: Setting;
let folder: string;
beforeEach(async () => {
  setting = await createSetting();
  folder = await mkdtemp(join(tmpdir(), "lockstep-names-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const control = () => controlDatabaseName(setting.name);
const roomIn = (databaseName: string) => 255 - Buffer.byteLength(`${databaseName}.`);
/** Longer than the database's own name, so a collection that fits there need not fit here. */
const scratch = () => scratchDatabaseNames(control())[0] ?? "";

const takeBackup = (backupId: string) =>
  createBackup({
    ...{ client: setting.client, withMember, databaseName: setting.name, root: folder, backupId },
    control: { client: setting.client, databaseName: control() },
    ...{
      version: "1.0.0",
      purpose: "a test",
      clock: systemClock,
      signal: never,
      faultPoints: noFaults,
      log: silentLog,
    },
  });

const restoreInto = (databaseName: string, manifest: Manifest, dryRun: boolean) =>
  restoreBeside({
    ...{ client: setting.client, withMember, databaseName, fleet: control(), manifest, dryRun },
    directory: join(folder, manifest.backupId),
    ...{ signal: never, faultPoints: noFaults, clock: systemClock, log: silentLog },
  });

const preflight = () => {
  const { client, name } = setting;
  const store = createMongoStore({
    client,
    databaseName: control(),
    faultPoints: noFaults,
    clock: systemClock,
  });
  const world = { client, store, withMember, databaseName: name, log: silentLog };
  const whole = { ...world, controlDatabaseName: control() } as unknown as PreflightOptions;
  return preflightUpgrade(whole, { bytes: 0, files: 0 });
};

const tooLong = (name: string) => ({
  code: "database-not-supported",
  message: expect.stringContaining(`"${name}"`),
});

test("a backup: the longest name that fits is carried, one byte more is refused with nothing written", async () => {
  const database = setting.client.db(setting.name);
  const roomBytes = roomIn(scratch());
  await database.collection("c".repeat(roomBytes)).insertOne({ here: true });
  const manifest = await takeBackup("fits");

  const longer = `${setting.name}_much_longer_than_that_of_a_scratch`;
  const shorter = longer.slice(0, Buffer.byteLength(scratch()));
  for (const dryRun of [true, false]) {
    await expect(restoreInto(longer, manifest, dryRun)).rejects.toMatchObject(
      tooLong("c".repeat(roomBytes)),
    );
  }
  onTestFinished(async () => void (await setting.client.db(shorter).dropDatabase()));
  expect(await restoreInto(shorter, manifest, false)).toMatchObject({ documents: 1 });

  const long = "c".repeat(roomBytes + 1);
  await database.collection(long).insertOne({ here: true });
  await expect(takeBackup("does-not")).rejects.toMatchObject(tooLong(long));
  expect(await readdir(folder)).toEqual(["fits"]);
  const { databases } = await database.admin().listDatabases({ nameOnly: true });
  expect(databases.map(({ name }) => name)).not.toContain(longer);
});

test("an upgrade: a name that fits into no scratch database, also of a time series", async () => {
  const database = setting.client.db(setting.name);
  await database.collection("short").insertOne({ here: true });
  expect(await preflight()).toMatchObject({ warnings: expect.any(Array) });
  const roomBytes = roomIn(scratch());
  await database.createCollection("t".repeat(roomBytes - 15), { timeseries: { timeField: "at" } });
  expect(await preflight()).toMatchObject({ warnings: expect.any(Array) });
  const series = "t".repeat(roomBytes - 14);
  await database.createCollection(series, { timeseries: { timeField: "at" } });
  await expect(preflight()).rejects.toMatchObject(tooLong(`system.buckets.${series}`));
});
