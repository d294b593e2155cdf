// Aim: a folder of mongodump's form is restored like a backup of ours, and what cannot be taken is refused. Method: the
// compiled program on the real set; a backup of ours without its own two files is such a folder.
import { mkdir, readFile, rename, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { digestDatabase } from "../../../src/mongo/catalogue/digest.ts";
import { fillWithEverything } from "../../database/everything.ts";
import { linesOf } from "../../support/output-schemas.ts";
import { asStockDump, databases, folder, on, run, setting } from "./backup-stage.ts";

describe("lockstep restore of a stock dump", () => {
  test.each([
    ["plain", [], ".bson", "in the middle of"],
    ["zipped", ["--gzip"], ".bson.gz", "unexpected end of file"],
  ])(
    "a stock mongodump, %s, is restored too, and a damaged one refused",
    async (_form, how, ending, words) => {
      await fillWithEverything(setting);
      const rows = Array.from({ length: 3_000 }, (_, n) => ({ n, text: "x".repeat(n % 300) }));
      await setting.client.db(setting.name).collection("many").insertMany(rows);
      const before = await digestDatabase(setting.client, setting.name);
      const made = await run("backup", "create", "stock", ...how, ...on);
      expect(made.code, made.text).toBe(0);
      await asStockDump("stock");
      const target = `${setting.name}_stock`;
      onTestFinished(async () => void (await setting.client.db(target).dropDatabase()));
      const restored = await run("restore", "stock", ...on, "--to-db", target);
      expect(restored.code, restored.text).toBe(0);
      expect(await digestDatabase(setting.client, target)).toEqual(before);
      await truncate(join(folder, "stock", setting.name, `many${ending}`), 1_001);
      const damaged = await run("restore", "stock", ...on, "--to-db", `${target}_2`);
      expect([damaged.code, damaged.text]).toEqual([1, expect.stringContaining(words)]);
      expect(await databases()).not.toContain(`${target}_2`);
    },
  );

  test("a copy that was cut short or has lost its manifest is no stock dump", async () => {
    await setting.client.db(setting.name).collection("things").insertOne({ a: 1 });
    await run("backup", "create", "b", ...on);
    const target = `${setting.name}_cut`;
    await rm(join(folder, "b", "manifest.json"));
    await rename(join(folder, "b"), join(folder, "c.partial"));
    await mkdir(join(folder, "d.partial", setting.name), { recursive: true });
    for (const id of ["c.partial", "d.partial"]) {
      const refused = await run("restore", id, ...on, "--to-db", target);
      expect([refused.code, refused.text]).toEqual([
        1,
        expect.stringMatching(/backup-mismatch.*never finished or has lost its manifest/s),
      ]);
    }
    await rename(join(folder, "c.partial"), join(folder, "b"));
    const lost = await run("restore", "b", ...on, "--to-db", target);
    expect([lost.code, lost.text]).toEqual([1, expect.stringContaining("backup-mismatch")]);
    expect(await databases()).toEqual([setting.name]);
  });

  test("a stock dump with stored functions is refused; one that does not name its collections is read", async () => {
    await setting.client.db(setting.name).collection("th%ings").insertOne({ a: 1 });
    await run("backup", "create", "old", ...on);
    const below = join(folder, "old", setting.name);
    await asStockDump("old");
    const definition = join(below, "th%25ings.metadata.json");
    const text = await readFile(definition, "utf8");
    await writeFile(definition, text.replace('"collectionName":"th%ings",', ""));
    const target = `${setting.name}_old`;
    onTestFinished(async () => void (await setting.client.db(target).dropDatabase()));
    const restored = await run("restore", "old", ...on, "--to-db", target);
    expect(restored.code, restored.text).toBe(0);
    expect(await setting.client.db(target).collection("th%ings").countDocuments()).toBe(1);
    await writeFile(join(below, "system.js.bson"), "");
    await writeFile(join(below, "system.js.metadata.json"), text.replace("th%ings", "system.js"));
    const functions = await run("restore", "old", ...on, "--to-db", `${target}_2`);
    expect([functions.code, functions.text]).toEqual([
      1,
      expect.stringMatching(/database-not-supported.*system\.js/s),
    ]);
    await rm(join(below, "system.js.metadata.json"));
    await writeFile(definition, "{");
    const damaged = await run("restore", "old", ...on, "--to-db", `${target}_3`);
    expect([damaged.code, damaged.text]).toEqual([1, expect.stringContaining("backup-mismatch")]);
  });

  test("a stock dump of an older server is restored as mongorestore does it, and what is left out is told", async () => {
    const database = setting.client.db(setting.name);
    await database.collection("things").insertMany([{ a: 1 }, { a: 2 }]);
    await database.createCollection("log", { capped: true, size: 4096 });
    await run("backup", "create", "older", ...on);
    await asStockDump("older");
    const write = (name: string, indexes: readonly object[], options: object) =>
      writeFile(
        join(folder, "older", setting.name, `${name}.metadata.json`),
        JSON.stringify({ options, indexes }),
      );
    const ns = `${setting.name}.things`;
    await write(
      "things",
      [
        { v: 0, key: { _id: 1 }, name: "_id_", ns },
        {
          v: 0,
          unique: true,
          key: { a: 1 },
          name: "a_1",
          ns,
          background: true,
          safe: null,
          sparse: null,
        },
        { v: 1, key: { b: true, c: 0 }, name: "b_1", ns, dropDups: true, flags: 1, sparse: 1 },
        { key: { d: { $numberDouble: "1.0" } }, name: "d_1", unique: false, background: 1 },
      ],
      { create: "things", flags: 1, autoIndexId: false, size: 1000 },
    );
    const log = { create: "log", capped: 1, size: 1000, max: { $numberLong: "5" } };
    await write("log", [], { ...log, autoIndexId: true });
    const target = `${setting.name}_older`;
    onTestFinished(async () => void (await setting.client.db(target).dropDatabase()));
    const restored = await run("restore", "older", ...on, "--to-db", target);
    expect(restored.code, restored.text).toBe(0);
    for (const notice of [
      'collection "things": "flags" is left out',
      'collection "things": an index of _id is added',
      'collection "things": "size" is left out',
      'index "a_1" of "things": version 0 becomes 1',
      'index "a_1" of "things": "safe" is left out',
      'index "a_1" of "things": "sparse" is left out',
      'index "b_1" of "things": the key of "b" becomes 1',
      'index "b_1" of "things": the key of "c" becomes 1',
      'index "b_1" of "things": "dropDups" is left out',
    ]) {
      expect(restored.text).toContain(`notice: ${notice}`);
    }
    const made = setting.client.db(target);
    expect(await made.collection("things").listIndexes().toArray()).toEqual([
      { v: 2, key: { _id: 1 }, name: "_id_" },
      { v: 1, unique: true, key: { a: 1 }, name: "a_1", background: true },
      { v: 1, key: { b: 1, c: 1 }, name: "b_1", sparse: true },
      { v: 2, key: { d: 1 }, name: "d_1", background: true },
    ]);
    const [found] = await made.listCollections({ name: "log" }).toArray();
    expect(found).toMatchObject({ options: { capped: true, size: 1024, max: 5 } });
    const json = await run(
      "restore",
      "older",
      ...on,
      "--to-db",
      `${target}_2`,
      "--dry-run",
      "--json",
    );
    expect(linesOf("restore", json.out)).toContainEqual(
      expect.objectContaining({ type: "notice", message: expect.stringMatching(/^collection/) }),
    );
  });

  test("an index that the restored data does not allow is named; what was begun is gone", async () => {
    const things = setting.client.db(setting.name).collection("things");
    await things.insertMany([{ a: 1 }, { a: 1 }]);
    await things.createIndex({ a: 1 }, { name: "by-a" });
    await run("backup", "create", "b", ...on);
    await asStockDump("b");
    const path = join(folder, "b", setting.name, "things.metadata.json");
    const text = await readFile(path, "utf8");
    const unique = text.replace('"name":"by-a"', '"name":"by-a","unique":true');
    expect(unique).not.toBe(text);
    await writeFile(path, unique);
    const before = await databases();
    const answer = await run("restore", "b", ...on, "--to-db", `${setting.name}_no`);
    expect(answer.code).toBe(1);
    expect(answer.text).toMatch(/restore-failed.*"things".*duplicate key/s);
    expect(await databases()).toEqual(before);
  });
});
