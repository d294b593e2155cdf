// Aim: a copy is the data, byte for byte, at one moment, and a damaged one is noticed. Method: odd
// documents on the real set; two members; writers that keep a sum; files damaged by hand.
import { readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Decimal128, Double, Int32, Long, MongoClient, ObjectId } from "mongodb";
import { describe, expect, inject, onTestFinished, test } from "vitest";
import { chooseBackupTime } from "../../src/database/backup-time.ts";
import { readCatalogue, refuseUnsupported } from "../../src/database/catalogue.ts";
import { digestDatabase } from "../../src/database/digest.ts";
import { dumpDatabase, verifyDump } from "../../src/database/dump.ts";
import { loadScratch, scratchName, sweepScratch } from "../../src/database/scratch.ts";
import { silentLog } from "../../src/log.ts";
import { openSeam } from "../../src/ports/seam.ts";
import { createSetting, never, type Setting, takeCopy } from "./setting.ts";

async function fillWithOddities({ client, name }: Setting): Promise<void> {
  const database = client.db(name);
  const documents = [
    new Map<string, unknown>([
      ["_id", new Int32(1)],
      ["b", new Double(1)],
      [
        "2",
        new Map([
          ["z", 1],
          ["1", 2],
        ]),
      ],
      ["1", Long.fromNumber(5)],
    ]),
    { _id: "text", price: Decimal128.fromString("1.10"), list: [new Double(2), null, "x"] },
    { _id: new ObjectId(), when: new Date(0), pattern: /a.c/i },
    { _id: new Double(2.5) },
    { _id: { nested: true } },
  ];
  await database.collection<{ _id: unknown }>("odd").insertMany(documents as never[]);
  // The driver would replace a null `_id`; an upsert does not.
  await database
    .collection("odd")
    .updateOne({ _id: null as never }, { $set: { a: 1 } }, { upsert: true });
  await database.command({
    createIndexes: "odd",
    indexes: [
      {
        key: new Map([
          ["b", 1],
          ["2", -1],
        ]),
        name: "by-b-2",
      },
    ],
  });
  await database.createCollection("empty");
  const strange = database.collection("we ird/näme%.x");
  await strange.insertOne({ a: 1 });
  await strange.createIndex({ a: 1 }, { unique: true, name: "unique-a" });
}

describe("a copy", () => {
  test("restored beside the live database it has the same hashes and catalogue", async () => {
    const setting = await createSetting();
    await fillWithOddities(setting);
    const { manifest, directory, digest } = await takeCopy(setting);
    expect((await verifyDump(directory)).digest).toBe(manifest.digest);
    const scratch = scratchName(setting.name, 7);
    const { client } = setting;
    const options = { client, scratch, directory, manifest, digest, signal: never };
    await loadScratch({ ...options, seam: openSeam, log: silentLog });
    await loadScratch({ ...options, seam: openSeam, log: silentLog });
    expect(await digestDatabase(client, scratch)).toEqual(digest);
    await sweepScratch(client, setting.name);
    expect((await readCatalogue(client, scratch)).collections).toEqual([]);
    expect(await digestDatabase(client, setting.name)).toEqual(digest);
  });

  test("from every member it is the same, byte for byte", async () => {
    const setting = await createSetting();
    await fillWithOddities(setting);
    const digests = new Set<string>();
    for (const [index, url] of inject("memberUrls").entries()) {
      const client = new MongoClient(url);
      onTestFinished(() => client.close());
      const { manifest } = await takeCopy(setting, join(setting.folder, `m${index}`), client);
      digests.add(manifest.digest);
    }
    expect(digests.size).toBe(1);
  });

  test("under writers it is one moment: a sum over two collections is exact", async () => {
    const setting = await createSetting();
    const { client, name, control } = setting;
    const accounts = ["left", "right"].map((side) => client.db(name).collection(side));
    const rows = Array.from({ length: 500 }, (_, id) => ({ _id: id as never, value: 100 }));
    for (const account of accounts) await account.insertMany(rows);
    const catalogue = await readCatalogue(client, name);
    let writing = true;
    const writer = (async () => {
      for (let round = 0; writing; round += 1) {
        await client.withSession((session) =>
          session.withTransaction(async () => {
            const _id = (round % 500) as never;
            await accounts[0]?.updateOne({ _id }, { $inc: { value: -1 } }, { session });
            await accounts[1]?.updateOne({ _id }, { $inc: { value: 1 } }, { session });
          }),
        );
      }
    })();
    const time = await chooseBackupTime({ client, control, seam: openSeam });
    const digest = { left: { hash: "-", count: 500 }, right: { hash: "-", count: 500 } };
    const directory = join(setting.folder, "moment");
    const dump = { client, databaseName: name, time, catalogue, digest, directory };
    const rest = { backupId: "u", seam: openSeam, signal: never, log: silentLog };
    const manifest = await dumpDatabase({ ...dump, ...rest });
    writing = false;
    await writer;
    const { hash: _hash, ...target } = { hash: "", client, directory, manifest };
    const scratch = scratchName(name, 1);
    const load = loadScratch({
      ...target,
      scratch,
      digest,
      signal: never,
      seam: openSeam,
      log: silentLog,
    });
    // The digests are made up, so the comparison fails; the documents are there all the same.
    await expect(load).rejects.toMatchObject({ code: "backup-mismatch" });
    const sums = await Promise.all(
      ["left", "right"].map((side) =>
        client
          .db(scratch)
          .collection(side)
          .aggregate<{ sum: number }>([{ $group: { _id: null, sum: { $sum: "$value" } } }])
          .next(),
      ),
    );
    expect(sums.reduce((sum, found) => sum + (found?.sum ?? 0), 0)).toBe(100_000);
    await sweepScratch(client, name);
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
    const time = await chooseBackupTime({ client, control, seam: openSeam });
    await client.db(name).dropCollection("gone");
    await client.db(name).collection("gone").insertOne({ a: 3 });
    const directory = join(setting.folder, "gone");
    const dump = { client, databaseName: name, time, catalogue, digest, directory };
    const rest = { backupId: "u", seam: openSeam, signal: never, log: silentLog };
    await expect(dumpDatabase({ ...dump, ...rest })).rejects.toMatchObject({
      code: "backup-failed",
    });
  });

  test.each([
    ["one byte flipped", (path: string) => flip(path)],
    ["cut short", (path: string) => truncate(path, 40)],
  ])("%s: it is noticed", async (_what, damage) => {
    const setting = await createSetting();
    await setting.client
      .db(setting.name)
      .collection("things")
      .insertMany([{ a: 1 }, { a: 2 }]);
    const { directory } = await takeCopy(setting);
    await damage(join(directory, setting.name, "things.bson"));
    await expect(verifyDump(directory)).rejects.toMatchObject({ code: "backup-mismatch" });
  });
});

async function flip(path: string): Promise<void> {
  const bytes = await readFile(path);
  bytes[20] = (bytes[20] ?? 0) ^ 1;
  await writeFile(path, bytes);
}

describe("what cannot be carried yet is refused by name", () => {
  const kinds: Readonly<Record<string, (setting: Setting) => Promise<unknown>>> = {
    capped: ({ client, name }) =>
      client.db(name).createCollection("x", { capped: true, size: 4096 }),
    viewOn: ({ client, name }) =>
      client.db(name).createCollection("x", { viewOn: "y", pipeline: [] }),
    validator: ({ client, name }) => client.db(name).createCollection("x", { validator: { a: 1 } }),
    timeseries: ({ client, name }) =>
      client.db(name).createCollection("x", { timeseries: { timeField: "t" } }),
    collation: ({ client, name }) =>
      client.db(name).createCollection("x", { collation: { locale: "de" } }),
    expireAfterSeconds: ({ client, name }) =>
      client.db(name).collection("x").createIndex({ t: 1 }, { expireAfterSeconds: 60 }),
    partialFilterExpression: ({ client, name }) =>
      client
        .db(name)
        .collection("x")
        .createIndex({ t: 1 }, { partialFilterExpression: { a: 1 } }),
    hashed: ({ client, name }) => client.db(name).collection("x").createIndex({ t: "hashed" }),
    text: ({ client, name }) => client.db(name).collection("x").createIndex({ t: "text" }),
    wildcard: ({ client, name }) => client.db(name).collection("x").createIndex({ "$**": 1 }),
  };
  test.each(Object.entries(kinds))("%s", async (_kind, make) => {
    const setting = await createSetting();
    await make(setting);
    const catalogue = await readCatalogue(setting.client, setting.name);
    expect(() => refuseUnsupported(catalogue)).toThrow(/"x"/);
  });
});
