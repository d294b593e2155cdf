// Aim: a copy is the data, byte for byte, at one moment, and a damaged one is noticed. Method: odd
// documents on the real set; two members; writers that keep a sum; files damaged by hand.
import {
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  truncate,
  writeFile,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import { BSON, MongoClient } from "mongodb";
import { describe, expect, inject, onTestFinished, test } from "vitest";
import { createBackup } from "../../../src/database/backup/backup.ts";
import { chooseBackupTime } from "../../../src/database/backup/backup-time.ts";
import { dumpDatabase } from "../../../src/database/backup/dump/dump.ts";
import { verifyDump } from "../../../src/database/backup/dump/verify-dump.ts";
import { manifestDigest, sealed } from "../../../src/database/backup/manifest.ts";
import { refuseUnsupported } from "../../../src/database/backup/supported.ts";
import { loadDatabase } from "../../../src/database/restore/load/load-database.ts";
import { silentLog } from "../../../src/log.ts";
import { decodedValue, type RawValue, rawFields } from "../../../src/mongo/bson/raw-bson.ts";
import { isCapped, readCatalogue } from "../../../src/mongo/catalogue/catalogue.ts";
import { definitionOf } from "../../../src/mongo/catalogue/definition.ts";
import { digestDatabase } from "../../../src/mongo/catalogue/digest.ts";
import { systemClock } from "../../../src/ports/clock.ts";
import { type FaultPoints, noFaults } from "../../../src/ports/fault-point.ts";
import { fillWithEverything } from "../everything.ts";
import { createSetting, never, type Setting, takeCopy, targetIn, withMember } from "../setting.ts";

describe("a copy", () => {
  test("restored beside the live database it has the same hashes and catalogue", async () => {
    const setting = await createSetting();
    await fillWithEverything(setting);
    const { manifest, directory, digest } = await takeCopy(setting);
    expect((await verifyDump(directory)).digest).toBe(manifest.digest);
    const scratch = `${setting.name}_beside`;
    const { client } = setting;
    onTestFinished(async () => void (await client.db(scratch).dropDatabase()));
    const target = targetIn(client, scratch);
    expect(await loadDatabase(target, directory, manifest)).toEqual(digest);
    // Never over what is there.
    await expect(loadDatabase(target, directory, manifest)).rejects.toMatchObject({
      code: "restore-failed",
    });
    expect(await digestDatabase(client, scratch)).toEqual(digest);
    expect(await digestDatabase(client, setting.name)).toEqual(digest);
  });

  test("from every member it is the same, byte for byte", async () => {
    const setting = await createSetting();
    await fillWithEverything(setting);
    const digests = new Set<string>();
    for (const [index, url] of inject("memberUrls").entries()) {
      const client = new MongoClient(url);
      onTestFinished(() => client.close());
      const { manifest } = await takeCopy(setting, join(setting.folder, `m${index}`), client);
      digests.add(manifest.digest);
    }
    expect(digests.size).toBe(1);
  });

  test("under writers each is one moment: a sum over two collections is exact", async () => {
    const setting = await createSetting();
    const { client, name, control, folder } = setting;
    const accounts = ["left", "right"].map((side) => client.db(name).collection(side));
    const rows = Array.from({ length: 500 }, (_, id) => ({ _id: id as never, value: 100 }));
    for (const account of accounts) await account.insertMany(rows);
    let transfers = 0;
    let writing = true;
    const writer = (async () => {
      for (; writing; transfers += 1) {
        await client.withSession((session) =>
          session.withTransaction(async () => {
            const _id = (transfers % 500) as never;
            await accounts[0]?.updateOne({ _id }, { $inc: { value: -1 } }, { session });
            await accounts[1]?.updateOne({ _id }, { $inc: { value: 1 } }, { session });
            await accounts[transfers % 2]?.insertOne({ value: 0 }, { session });
          }),
        );
      }
    })();
    for (const [index, backupId] of ["b1", "b2", "b3", "b4"].entries()) {
      const before = transfers;
      const manifest = await createBackup({
        ...{ client, databaseName: name, control, root: folder, backupId, version: "1.0.0" },
        ...{
          withMember,
          purpose: "a test",
          clock: systemClock,
          signal: never,
          faultPoints: noFaults,
          log: silentLog,
        },
      });
      const databaseName = `${name}_${index}`;
      onTestFinished(async () => void (await client.db(databaseName).dropDatabase()));
      const target = targetIn(client, databaseName);
      await loadDatabase(target, join(folder, backupId), await verifyDump(join(folder, backupId)));
      const sums = await Promise.all(
        ["left", "right"].map((side) =>
          client
            .db(databaseName)
            .collection(side)
            .aggregate<{ sum: number }>([{ $group: { _id: null, sum: { $sum: "$value" } } }])
            .next(),
        ),
      );
      expect(sums.reduce((sum, found) => sum + (found?.sum ?? 0), 0)).toBe(100_000);
      expect(manifest.collections.every(({ hash }) => hash !== "")).toBe(true);
      expect(transfers).toBeGreaterThan(before);
    }
    writing = false;
    await writer;
  });

  test("members without room for the copy are named before anything is written", async () => {
    const setting = await createSetting();
    const { client, name, control, folder } = setting;
    await client.db(name).collection("things").insertOne({ a: 1 });
    const full = { fsTotalSize: 1_000_000_000, fsUsedSize: 999_000_000 };
    const member = { db: () => ({ command: async () => full }) } as unknown as MongoClient;
    const creating = createBackup({
      ...{ client, databaseName: name, control, root: folder, backupId: "b", version: "1.0.0" },
      ...{ withMember: (_host, act) => act(member), purpose: "a test", clock: systemClock },
      ...{ signal: never, faultPoints: noFaults, log: silentLog },
    });
    await expect(creating).rejects.toMatchObject({ code: "disk-full" });
    expect(await readdir(folder)).toEqual([]);
  });

  test("what could not be proven is no backup: nothing of it is left, and its id is free", async () => {
    const { client, name, control, folder } = await createSetting();
    await client.db(name).collection("things").insertOne({ a: 1 });
    const create = (faultPoints: FaultPoints) =>
      createBackup({
        ...{ client, databaseName: name, control, root: folder, backupId: "b", version: "1.0.0" },
        ...{
          withMember,
          purpose: "a test",
          clock: systemClock,
          signal: never,
          faultPoints,
          log: silentLog,
        },
      });
    const failing: FaultPoints = {
      async write(what, act) {
        if (what === "backup-proven") throw new Error("as ordered");
        return act();
      },
    };
    await expect(create(failing)).rejects.toThrow("as ordered");
    expect(await readdir(folder)).toEqual([]);
    expect((await create(noFaults)).backupId).toBe("b");
  });

  test("nothing expires in a copy before it is proven", async () => {
    const setting = await createSetting();
    await fillWithEverything(setting);
    const { manifest, directory } = await takeCopy(setting);
    const client = new MongoClient(inject("mongoUrl"), { monitorCommands: true });
    onTestFinished(() => client.close());
    const expiries: unknown[] = [];
    client.on("commandStarted", ({ command }) => {
      if (command["dbHash"]) expiries.push("proven");
      if (command["collMod"]) expiries.push("released");
      const { expireAfterSeconds } = command as { expireAfterSeconds?: unknown };
      if (command["create"] && expireAfterSeconds !== undefined) expiries.push(expireAfterSeconds);
      for (const index of (command["indexes"] as RawValue[] | undefined) ?? []) {
        const expiry = rawFields(index.field.value).find(
          (held) => held.name === "expireAfterSeconds",
        );
        if (expiry) expiries.push(Number(decodedValue(expiry)));
      }
    });
    const databaseName = `${setting.name}_beside`;
    onTestFinished(async () => void (await setting.client.db(databaseName).dropDatabase()));
    const target = targetIn(client, databaseName);
    await loadDatabase(target, directory, manifest);
    const [first] = expiries;
    expect(first).toBe(2_147_483_647);
    expect(new Set(expiries.slice(0, expiries.indexOf("proven")))).toEqual(new Set([first]));
    expect(expiries.slice(expiries.indexOf("proven") + 1)).toContain("released");
  });

  test("a collection that was dropped after T fails the copy; it never reads as empty", async () => {
    const setting = await createSetting();
    const { client, name, control } = setting;
    await client
      .db(name)
      .collection("gone")
      .insertMany([{ a: 1 }, { a: 2 }]);
    const catalogue = await readCatalogue(client, name);
    const digest = await digestDatabase(client, name);
    const time = await chooseBackupTime({ control, faultPoints: noFaults });
    await client.db(name).dropCollection("gone");
    await client.db(name).collection("gone").insertOne({ a: 3 });
    const directory = join(setting.folder, "gone");
    const dump = { client, databaseName: name, time, catalogue, digest, directory };
    const rest = {
      withMember,
      backupId: "u",
      fleet: "f",
      version: "1.0.0",
      faultPoints: noFaults,
      signal: never,
      log: silentLog,
    };
    await expect(dumpDatabase({ ...dump, ...rest })).rejects.toMatchObject({
      code: "moment-gone",
    });
  });

  const damages: Readonly<Record<string, (folder: string, data: string) => Promise<unknown>>> = {
    "one byte flipped": async (_folder, data) => {
      const bytes = await readFile(data);
      bytes[20] = (bytes[20] ?? 0) ^ 1;
      await writeFile(data, bytes);
    },
    "cut short": (_folder, data) => truncate(data, 40),
    gone: (_folder, data) => rm(data),
    "its definition gone": (_folder, data) => rm(data.replace(".bson", ".metadata.json")),
    "its definition edited": async (_folder, data) => {
      const path = data.replace(".bson", ".metadata.json");
      const text = await readFile(path, "utf8");
      await writeFile(path, text.replace('"options":{}', '"options":{"capped":true}'));
    },
    "a link in place of its folder": async (folder, data) => {
      await rename(dirname(data), join(folder, "elsewhere"));
      await symlink(join(folder, "elsewhere"), dirname(data));
    },
    "a link in place of its manifest": async (folder) => {
      await rename(join(folder, "manifest.json"), join(folder, "elsewhere"));
      await symlink(join(folder, "elsewhere"), join(folder, "manifest.json"));
    },
    "a link in its place": async (folder, data) => {
      await rename(data, join(folder, "elsewhere"));
      await symlink(join(folder, "elsewhere"), data);
    },
    "a folder in its place": async (_folder, data) => {
      await rm(data);
      await mkdir(data);
    },
    "no manifest": (folder) => rm(join(folder, "manifest.json")),
    "a manifest that is no JSON": (folder) => truncate(join(folder, "manifest.json"), 30),
    "a manifest of another format": (folder) =>
      edit(folder, (text) => text.replace('"format": 3', '"format": 1')),
    "a manifest with another version": (folder) =>
      edit(folder, (text) => text.replace('"1.0.0"', '"9.0.0"')),
    "a manifest with another count": (folder) =>
      edit(folder, (text) => text.replace('"documents": 2', '"documents": 1')),
  };

  test.each(Object.entries(damages))("%s: it is noticed", async (_what, damage) => {
    const setting = await createSetting();
    await setting.client
      .db(setting.name)
      .collection("things")
      .insertMany([{ a: 1 }, { a: 2 }]);
    const { directory } = await takeCopy(setting);
    await damage(directory, join(directory, setting.name, "things.bson"));
    await expect(verifyDump(directory)).rejects.toMatchObject({ code: "backup-mismatch" });
  });

  test("a name that climbs out is refused, even with a right seal", async () => {
    const setting = await createSetting();
    await setting.client.db(setting.name).collection("things").insertOne({ a: 1 });
    const { directory, manifest } = await takeCopy(setting);
    const { seal: _seal, ...rest } = manifest;
    const [thing] = rest.collections;
    const collections = [{ ...(thing as (typeof rest.collections)[number]), dataFile: "../../x" }];
    const climbing = sealed({ ...rest, collections, digest: manifestDigest(collections) });
    await writeFile(join(directory, "manifest.json"), JSON.stringify(climbing));
    await expect(verifyDump(directory)).rejects.toThrow(/unusable "dataFile"/);
  });
});

async function edit(folder: string, change: (text: string) => string): Promise<void> {
  const path = join(folder, "manifest.json");
  const text = await readFile(path, "utf8");
  expect(change(text)).not.toBe(text);
  await writeFile(path, change(text));
}

describe("what cannot be carried is refused by name", () => {
  const kinds: Readonly<Record<string, (setting: Setting) => Promise<unknown>>> = {
    '"system.js"': ({ client, name }) =>
      client.db(name).collection<{ _id: string }>("system.js").insertOne({ _id: "f" }),
    '%20+" (its escaped name is too long for a file)': ({ client, name }) =>
      client
        .db(name)
        .collection(`${"名".repeat(30)}%20+`)
        .insertOne({ a: 1 }),
    "too long for a file": ({ client, name }) =>
      client.db(name).createCollection("名".repeat(30), { timeseries: { timeField: "t" } }),
    '"system.buckets.plain", which no time series has': ({ client, name }) =>
      client.db(name).collection("system.buckets.plain").insertOne({ a: 1 }),
    '"system.buckets.renamed", which no time series has': async ({ client, name }) => {
      await client.db(name).collection("renamed").insertOne({ a: 1 });
      await client.db("admin").command({
        renameCollection: `${name}.renamed`,
        to: `${name}.system.buckets.renamed`,
      });
    },
    '"system.buckets.beside", which no time series has': async ({ client, name }) => {
      await client.db(name).createCollection("beside");
      await client.db(name).createCollection("series", { timeseries: { timeField: "t" } });
      await client.db(name).createCollection("system.buckets.beside", { capped: true, size: 4096 });
    },
    '"system.buckets.orphan", which no time series has': ({ client, name }) =>
      client.db(name).command({
        ...{ create: "system.buckets.orphan", clusteredIndex: true },
        timeseries: { timeField: "t" },
      }),
    'view "raw" over "system.buckets.series"': async ({ client, name }) => {
      await client.db(name).createCollection("series", { timeseries: { timeField: "t" } });
      await client.db(name).command({ create: "raw", viewOn: "system.buckets.series" });
    },
    // The server lists this one as a time series once its views are read anew.
    'view "other" over "system.buckets.series"': async ({ client, name }) => {
      const timeseries = { timeField: "t" };
      await client.db(name).createCollection("series", { timeseries });
      const unpack = { timeField: "t", bucketMaxSpanSeconds: 3600 };
      await client.db(name).command({
        ...{ create: "other", viewOn: "system.buckets.series" },
        pipeline: [{ $_internalUnpackBucket: unpack }],
      });
      await client.db(name).createCollection("more", { timeseries });
      await client.db(name).dropCollection("more");
    },
    'collection "x" with option "encryptedFields"': ({ client, name }) =>
      client.db(name).command({ create: "x", encryptedFields: { fields: [] } }),
  };
  test.each(Object.entries(kinds))("%s", async (kind, make) => {
    const setting = await createSetting();
    await make(setting);
    const catalogue = await readCatalogue(setting.client, setting.name);
    expect(() => refuseUnsupported(catalogue)).toThrow(kind);
  });
});

test("the buckets of a time series are no collection of their own, whatever is there beside", async () => {
  const { client, name } = await createSetting();
  const database = client.db(name);
  await database.createCollection("series", { timeseries: { timeField: "t" } });
  await database.createCollection("view", { viewOn: "series", pipeline: [] });
  const { collections } = await readCatalogue(client, name);
  expect(collections.map((entry) => [entry.name, entry.type])).toEqual([
    ["series", "timeseries"],
    ["view", "view"],
  ]);
  expect(() => refuseUnsupported({ collections })).not.toThrow();
});

test("what stands there from an older server, and today's makes no more, is refused by name", () => {
  const definition = (held: object) => definitionOf(BSON.serialize(held));
  const index = (held: object) => definition({ v: 1, name: "a", key: { a: 1 }, ...held });
  const refused = (options: object, ...indexes: readonly object[]) =>
    refuseUnsupported({
      collections: [
        {
          ...{ name: "x", type: "collection", uuid: "", options: definition(options) },
          indexes: indexes.map(index),
        },
      ],
    });
  expect(() => refused({}, {}, { key: { a: -1.5, b: "2d" } })).not.toThrow();
  expect(() => refused({ autoIndexId: false })).toThrow('"x" without an index of _id');
  expect(() => refused({}, { v: 0 })).toThrow('index "a" of "x" (version 0)');
  const keys = { a: true, b: 0, c: "", d: null, e: 1 };
  expect(() => refused({}, { key: keys })).toThrow(
    '(key of "a", key of "b", key of "c", key of "d")',
  );
  expect(() => refused({}, { safe: null })).toThrow('index "a" of "x" (safe)');
});

test("an emptied system.js, which nobody can drop, is in nobody's way", async () => {
  const { client, name } = await createSetting();
  const functions = client.db(name).collection<{ _id: string }>("system.js");
  await functions.insertOne({ _id: "f" });
  await functions.deleteOne({ _id: "f" });
  expect(await readCatalogue(client, name)).toEqual({ collections: [] });
});

test("a rule that speaks of capped makes no capped collection", () => {
  const options = (held: object) => ({ options: definitionOf(BSON.serialize(held)) });
  expect(isCapped(options({ validator: { capped: true } }))).toBe(false);
  expect(isCapped(options({ capped: true }))).toBe(true);
  expect(isCapped(options({ capped: false }))).toBe(false);
});
