// Aim: definitions come back as the bytes that they were, whatever JavaScript cannot hold in them. Method:
// the real set; what the server says of its collections and indexes, read raw and compared; copies of the
// format before, and stock dumps.

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { BSON } from "mongodb";
import { expect, test } from "vitest";
import { verifyDump } from "../../src/database/backup/dump/verify-dump.ts";
import {
  type Manifest,
  manifestDigest,
  metadataOf,
  sealed,
} from "../../src/database/backup/manifest.ts";
import { loadDatabase } from "../../src/database/restore/load/load-database.ts";
import { restoreDatabase } from "../../src/database/restore/restore.ts";
import { readStockDump } from "../../src/database/restore/stock-dump.ts";
import { silentLog } from "../../src/log.ts";
import {
  fieldOf,
  fieldOfBytes,
  RawValue,
  rawArray,
  rawDocument,
  rawFields,
} from "../../src/mongo/bson/raw-bson.ts";
import { differences, readCatalogue } from "../../src/mongo/catalogue/catalogue.ts";
import { bytesOfDefinition } from "../../src/mongo/catalogue/definition.ts";
import { canonicalText } from "../../src/mongo/catalogue/definition-text.ts";
import { systemClock } from "../../src/ports/clock.ts";
import { noFaults } from "../../src/ports/fault-point.ts";
import { defineOddly } from "../database/everything.ts";
import { createSetting, never, type Setting, takeCopy, targetIn } from "../database/setting.ts";

type Named = Pick<Setting, "client" | "name">;

/** Each definition as the server describes it, in hexadecimal digits. */
async function rawDefinitions({ client, name }: Named): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  const read = async (command: object) =>
    (await client
      .db(name)
      .runCursorCommand({ ...command, cursor: {} }, { raw: true })
      .toArray()) as unknown as Uint8Array[];
  const hex = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString("hex");
  for (const bytes of await read({ listCollections: 1 })) {
    const held = (field: string) => rawFields(bytes).find((each) => each.name === field)?.value;
    const collection = Buffer.from(held("name") ?? [])
      .subarray(4, -1)
      .toString();
    if (collection === "system.views") continue;
    found[collection] = hex(held("options"));
    if (collection.startsWith("view")) continue;
    found[`indexes of ${collection}`] = (await read({ listIndexes: collection })).map(hex).join();
  }
  return found;
}

async function damage({ client, name }: Named): Promise<void> {
  const database = client.db(name);
  await database.command({ collMod: "twice", validator: { qty: { $lt: 5 } } });
  await database.collection("twice").dropIndexes();
  await database.command({ collMod: "oddly", validator: {} });
  const pipeline = [{ $match: { qty: { $lt: 5 } } }];
  await database.command({ collMod: "view of twice", viewOn: "twice", pipeline });
}

/** Loads a copy into a database of its own and says what the server makes of it. */
async function loaded(setting: Setting, directory: string, manifest: Manifest) {
  const { client } = setting;
  const databaseName = `${setting.name}_beside`;
  const target = targetIn(client, databaseName);
  try {
    await loadDatabase(target, directory, manifest);
    return await rawDefinitions({ client, name: databaseName });
  } finally {
    await client.db(databaseName).dropDatabase();
  }
}

test("a field that is named twice, and what JavaScript cannot hold, come back byte for byte", async () => {
  const setting = await createSetting();
  await defineOddly(setting);
  const before = await rawDefinitions(setting);
  const copy = await takeCopy(setting);
  await damage(setting);
  expect(await rawDefinitions(setting)).not.toEqual(before);
  const { client, name: databaseName, control } = setting;
  const { restored } = await restoreDatabase({
    ...{ client, databaseName, control, mastership: await setting.master(1), ...copy },
    ...{ signal: never, faultPoints: noFaults, clock: systemClock, log: silentLog },
  });
  expect(restored.toSorted()).toEqual(["oddly", "twice", "view of twice"]);
  expect(await rawDefinitions(setting)).toEqual(before);
  // Gone altogether, each is made again.
  await client.db(databaseName).dropDatabase();
  await restoreDatabase({
    ...{ client, databaseName, control, mastership: await setting.master(2), ...copy },
    ...{ signal: never, faultPoints: noFaults, clock: systemClock, log: silentLog },
  });
  expect(await rawDefinitions(setting)).toEqual(before);
  expect(await loaded(setting, copy.directory, await verifyDump(copy.directory))).toEqual(before);
});

test("a definition that has lost one of two equal names is told as another", async () => {
  const setting = await createSetting();
  await defineOddly(setting);
  const before = await readCatalogue(setting.client, setting.name);
  await damage(setting);
  const after = await readCatalogue(setting.client, setting.name);
  expect(differences(before, after, { ignoreUuid: false })).toEqual([
    'collection "oddly" has other options',
    'collection "twice" has other options',
    'index "part" of "twice" is missing',
    'collection "view of twice" has other options',
  ]);
});

test("a copy of the format before is restored as it was written", async () => {
  const setting = await createSetting();
  const database = setting.client.db(setting.name);
  await database.createCollection("ruled", {
    validator: { a: { $in: [1, 2.5] } },
    collation: { locale: "de" },
  });
  await database.collection("ruled").createIndex({ a: 1 }, { name: "a", expireAfterSeconds: 9 });
  await database.createCollection("view", { viewOn: "ruled", pipeline: [{ $match: { 2: 1 } }] });
  const before = await rawDefinitions(setting);
  const { directory } = await takeCopy(setting);
  const path = join(directory, "manifest.json");
  const { seal: _seal, ...written } = JSON.parse(await readFile(path, "utf8")) as Manifest;
  const text = (definition: string) => canonicalText(bytesOfDefinition(definition));
  const collections = written.collections.map((entry) => ({
    ...entry,
    options: text(entry.options),
    indexes: entry.indexes.map(text),
  }));
  const old = { ...written, format: 2, collections, digest: manifestDigest(collections) };
  await writeFile(path, JSON.stringify(sealed(old as unknown as Omit<Manifest, "seal">)));
  const manifest = await verifyDump(directory);
  expect(manifest.digest).toBe(old.digest);
  expect(await loaded(setting, directory, manifest)).toEqual(before);
  const [first] = collections;
  const edited = { ...old, collections: [{ ...first, options: "{}" }, ...collections.slice(1)] };
  await writeFile(path, JSON.stringify(sealed(edited as unknown as Omit<Manifest, "seal">)));
  await expect(verifyDump(directory)).rejects.toThrow("was edited");
});

test("a stock dump whose metadata names a field twice is restored with both", async () => {
  const setting = await createSetting();
  const range = new RawValue(
    fieldOfBytes("a", 3, rawDocument([fieldOf("$gt", 1), fieldOf("$gt", 2)])),
  );
  const database = setting.client.db(setting.name);
  await database.command({ create: "things", validator: { a: range } });
  await database.command({
    createIndexes: "things",
    indexes: [{ key: { a: 1 }, name: "a", partialFilterExpression: { a: range } }],
  });
  const before = await rawDefinitions(setting);
  const [entry] = (await readCatalogue(setting.client, setting.name)).collections;
  if (entry === undefined) throw new Error("expected a collection");
  const stock = join(setting.folder, "stock", setting.name, "things.metadata.json");
  await mkdir(dirname(stock), { recursive: true });
  await writeFile(stock, metadataOf(entry));
  await writeFile(join(dirname(stock), "things.bson"), "");
  const manifest = await readStockDump(join(setting.folder, "stock"));
  expect(await loaded(setting, join(setting.folder, "stock"), manifest)).toEqual(before);
});

test("a stock dump of buckets of nobody's is refused by name; those of a time series are its own", async () => {
  const setting = await createSetting();
  const stock = join(setting.folder, "stock", setting.name);
  await mkdir(stock, { recursive: true });
  const write = async (name: string, type: string, options: object) => {
    const text = JSON.stringify({ options, indexes: [], collectionName: name, type });
    await writeFile(join(stock, `${name}.metadata.json`), text);
  };
  const timeseries = { timeField: "t" };
  await write("series", "timeseries", { timeseries });
  await write("system.buckets.series", "collection", { clusteredIndex: true, timeseries });
  await writeFile(join(stock, "system.buckets.series.bson"), "");
  const { collections } = await readStockDump(dirname(stock));
  expect(collections.map(({ name }) => name)).toEqual(["series"]);
  await write("system.buckets.plain", "collection", {});
  await writeFile(join(stock, "system.buckets.plain.bson"), "");
  await expect(readStockDump(dirname(stock))).rejects.toMatchObject({
    code: "database-not-supported",
    message: expect.stringContaining('"system.buckets.plain"'),
  });
});

test("an index that the server itself cannot describe is refused by the name of its collection", async () => {
  const setting = await createSetting();
  const database = setting.client.db(setting.name);
  const index = rawDocument([
    ...[fieldOf("key", { a: 1 }), fieldOf("name", "a")],
    ...[fieldOf("sparse", true), fieldOf("sparse", false)],
  ]);
  await database.command({ createIndexes: "things", indexes: rawArray([index]) });
  await expect(readCatalogue(setting.client, setting.name)).rejects.toMatchObject({
    code: "database-not-supported",
    message: expect.stringContaining('the indexes of "things"'),
  });
  await database.dropCollection("things");
});

test("the driver sends a raw value as its bytes, whatever its name and type", () => {
  const fields = [
    fieldOf("a", { b: [1] }),
    fieldOf("nämé", "text"),
    fieldOf("", true),
    fieldOfBytes("date", 9, new Uint8Array(8).fill(0x7f)),
  ];
  const sent = BSON.serialize({
    ...Object.fromEntries(fields.map((field) => [field.name, new RawValue(field)])),
    list: rawArray([rawDocument(fields), rawDocument([])]),
    last: 1,
  });
  const list = rawDocument([
    fieldOfBytes("0", 3, rawDocument(fields)),
    fieldOfBytes("1", 3, rawDocument([])),
  ]);
  const expected = rawDocument([...fields, fieldOfBytes("list", 4, list), fieldOf("last", 1)]);
  expect(Buffer.from(sent)).toEqual(Buffer.from(expected));
});
