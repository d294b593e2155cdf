// Aim: a copy that would take a mongod past its limit of open files, at which it ends and does not come up
// again, is refused with the figures before anything is written. Method: the pure decision; a real set whose
// limit is low, filled until a copy no longer fits.
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MongoClient } from "mongodb";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { createBackup } from "../../src/database/backup/backup.ts";
import type { SchemaContext } from "../../src/database/migration/schema-context.ts";
import { runSchemaSteps } from "../../src/database/migration/schema-steps.ts";
import { restoreBeside } from "../../src/database/restore/restore-beside.ts";
import { createMongoStore } from "../../src/journal/mongo-store.ts";
import { limits } from "../../src/limits.ts";
import { type ReplicaSet, startReplicaSet } from "../../src/local/replica-set.ts";
import { silentLog } from "../../src/log.ts";
import { readCatalogue } from "../../src/mongo/catalogue/catalogue.ts";
import { connect, memberOpener } from "../../src/mongo/connect.ts";
import { controlDatabaseName } from "../../src/mongo/database-names.ts";
import {
  filesOf,
  type MemberFiles,
  requireFiles,
} from "../../src/mongo/requirements/open-files.ts";
import { systemClock } from "../../src/ports/clock.ts";
import { noFaults } from "../../src/ports/fault-point.ts";
import {
  type PreflightOptions,
  preflightUpgrade,
} from "../../src/upgrade/database/preflight-upgrade.ts";
import { createSetting, never, runOptions } from "../database/setting.ts";

const spare = limits.filesReserve;
const member = (more: Partial<MemberFiles>): MemberFiles => ({
  ...{ host: "a:1", maxFiles: 1_000, openFiles: 100, connections: 10 },
  ...more,
});
const needed = { liveFiles: 200, addedFiles: 300 };

test.each([
  ["to the file", { maxFiles: 100 + 200 + 300 + 10 + spare }, Number.POSITIVE_INFINITY],
  ["no limit", { maxFiles: Number.POSITIVE_INFINITY }, Number.POSITIVE_INFINITY],
  // All databases together have less than would be counted twice.
  ["all of it is open already", { maxFiles: 250 + 300 + 10 + spare, openFiles: 200 }, 250],
  [
    "the number that is open may not be known: all may be",
    { maxFiles: 400 + 300 + 10 + spare, openFiles: null },
    400,
  ],
  [
    "the connections may not be known",
    { maxFiles: 100 + 200 + 300 + 2 * spare, connections: null },
    Number.POSITIVE_INFINITY,
  ],
])("accepted: %s", (_kind, more, allFiles) => {
  expect(() => requireFiles([member(more)], needed, allFiles)).not.toThrow();
  const less = { ...member(more), maxFiles: (more.maxFiles ?? 0) - 1, host: "b:1" };
  if (!Number.isFinite(less.maxFiles)) return;
  expect(() => requireFiles([member(more), less], needed, allFiles)).toThrow(
    /300 files more.*b:1 \(may open \d+, has .* could need \d+\).*ulimit -n/,
  );
});

test.each([
  ["neither may be counted", null, Number.POSITIVE_INFINITY, /serverStatus and listDatabases on/],
  ["all databases may not be counted", 500, Number.POSITIVE_INFINITY, /user listDatabases on/],
  [
    "the open ones may not be counted",
    null,
    10_000,
    /user serverStatus on the cluster for a more exact count/,
  ],
  ["all is counted", 500, 10_000, /then try again; nothing was touched$/],
])("refused, with the right that is missing: %s", (_kind, openFiles, allFiles, words) => {
  expect(() => requireFiles([member({ openFiles, maxFiles: 700 })], needed, allFiles)).toThrow(
    words,
  );
});

let set: ReplicaSet;
let client: MongoClient;
let folder: string;
const lowLimit = 'ulimit -n 520; exec "$0" "$@"';
beforeAll(async () => {
  set = await startReplicaSet({
    mongodPath: inject("mongodPath"),
    place: () => ({ address: "127.0.0.1", enter: ["sh", "-c", lowLimit] }),
  });
  client = await connect(set.url("things"), "test");
  folder = await mkdtemp(join(tmpdir(), "lockstep-files-"));
});
afterAll(async () => {
  await client?.close();
  await set?.stop();
  if (folder) await rm(folder, { recursive: true, force: true });
});

const control = controlDatabaseName("things");
const asking = () => ({
  ...{ client, withMember: memberOpener(set.url("things"), "test"), log: silentLog },
});
const ports = { signal: never, faultPoints: noFaults, clock: systemClock };
const takeBackup = (backupId: string) =>
  createBackup({
    ...{ ...asking(), ...ports, databaseName: "things", root: folder, backupId },
    control: { client, databaseName: control },
    ...{ version: "1.0.0", purpose: "a test" },
  });
const preflight = (files: number) => {
  const store = createMongoStore({
    client,
    databaseName: control,
    faultPoints: noFaults,
    clock: systemClock,
  });
  const names = { databaseName: "things", controlDatabaseName: control };
  const world = { ...asking(), ...names, store, memberClient: client };
  return preflightUpgrade(world as unknown as PreflightOptions, { bytes: 0, files });
};
const short = {
  code: "files-short",
  message: expect.stringMatching(/127\.0\.0\.1:\d+ \(may open 520, has \d+ of data open/),
};

async function fill(from: number, to: number): Promise<void> {
  for (let number = from; number < to; number += 1) {
    const collection = client.db().collection(`c${number}`);
    await collection.insertOne({ a: 1, b: 1, c: 1 });
    await collection.createIndexes(["a", "b", "c"].map((key) => ({ key: { [key]: 1 } })));
  }
}

test("few collections are carried; a hundred with three indexes each are refused, and no member dies", async () => {
  await fill(0, 10);
  expect(filesOf(await readCatalogue(client, "things"))).toBe(50);
  const manifest = await takeBackup("few");
  expect(await preflight(0)).toMatchObject({ warnings: expect.any(Array) });
  // A backup that is put in place of the live data comes on top.
  await expect(preflight(100)).rejects.toMatchObject(short);

  await fill(10, 100);
  const before = await client.db().admin().listDatabases({ nameOnly: true });
  await expect(takeBackup("many")).rejects.toMatchObject(short);
  await expect(preflight(0)).rejects.toMatchObject(short);
  const many = {
    ...manifest,
    collections: Array.from({ length: 100 }, (_, number) => ({
      ...(manifest.collections[0] as (typeof manifest.collections)[number]),
      name: `c${number}`,
    })),
  };
  for (const dryRun of [true, false]) {
    const into = { databaseName: "beside", fleet: control, directory: folder, dryRun };
    const restored = restoreBeside({ ...asking(), ...ports, ...into, manifest: many });
    await expect(restored).rejects.toMatchObject(short);
  }
  expect(await readdir(folder)).toEqual(["few"]);
  const after = await client.db().admin().listDatabases({ nameOnly: true });
  expect(after.databases).toEqual(before.databases);
  expect(set.members.map(({ alive }) => alive)).toEqual([true, true, true]);
});

test.each(["rehearsal", "progress"] as const)(
  "a step that adds hundreds of indexes is refused before a member runs out of files: %s",
  async (progressField) => {
    const setting = await createSetting(client);
    const names = Array.from({ length: 8 }, (_, number) => `c${number}`);
    for (const name of names) await client.db(setting.name).createCollection(name);
    const run = async (context: SchemaContext) => {
      for (const name of names) {
        for (let key = 0; key < 60; key += 1) {
          await context.addIndex(name, { [`k${key}`]: 1 }, { name: `by-${key}` });
        }
      }
    };
    const steps = [{ name: "many-indexes", run }];
    const extra = { withMember: asking().withMember, progressField };
    const result = await runSchemaSteps(await runOptions(setting, 1, steps, extra));
    const message = expect.stringMatching(/files more, for what the step adds.*may open 520/);
    expect(result).toMatchObject({ kind: "failed", reason: { code: "files-short", message } });
    expect(set.members.map(({ alive }) => alive)).toEqual([true, true, true]);
  },
);
