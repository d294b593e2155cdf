// Aim: backups by hand are taken, shown, proven and restored beside the live database, and what must
// not be done is refused before anything is touched. Method: the compiled program on the real set.
import {
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  truncate,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { digestDatabase } from "../../src/database/digest.ts";
import { manifestDigest, sealed } from "../../src/database/manifest.ts";
import { readManifest } from "../../src/database/verify-dump.ts";
import { runCommand } from "../../src/ports/process.ts";
import { fillWithEverything } from "../database/everything.ts";
import { createSetting, type Setting } from "../database/setting.ts";
import { urlOf } from "../support/database.ts";

const main = resolve("dist/src/cli/main.js");
const run = async (...words: string[]) => {
  const ran = await runCommand(process.execPath, [main, ...words], { timeoutMs: 60_000 });
  return { code: ran?.exitCode, text: `${ran?.stdout}${ran?.stderr}`, out: ran?.stdout ?? "" };
};

let setting: Setting;
let on: string[];
let files: string[];
let folder = "";
beforeEach(async () => {
  setting = await createSetting();
  folder = await mkdtemp(join(tmpdir(), "lockstep-backups-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  files = ["--directory", folder];
  on = [...files, "--mongo-url", urlOf(setting.name)];
});

/** Without our own files a backup is mongodump's own form, to the letter. */
const asStockDump = async (id: string) => {
  for (const own of ["manifest.json", "lockstep.json"]) await rm(join(folder, id, own));
};

const databases = async () => {
  const { databases: found } = await setting.client.db("admin").admin().listDatabases();
  const control = `lockstep_${setting.name}`;
  return found
    .map(({ name }) => name)
    .filter((name) => name.includes(setting.name) && name !== control);
};

describe("lockstep backup and restore", () => {
  test.each([
    ["plain", []],
    ["zipped", ["--gzip"]],
  ])("every kind, %s: taken, listed, shown, verified, restored, equal", async (_form, how) => {
    await fillWithEverything(setting);
    const before = await digestDatabase(setting.client, setting.name);
    expect(await run("backup", "create", "first", ...how, ...on)).toMatchObject({
      code: 0,
      text: expect.stringContaining("backed up and proven"),
    });
    const again = await run("backup", "create", "second", ...how, ...on);
    expect(again.text).toMatch(/^[\d.]+ \w+ of [\d.]+ \w+, [\d.]+ s to go$/m);
    await rm(join(folder, "second"), { recursive: true });
    expect(await databases()).toEqual([setting.name]);
    await mkdir(join(folder, "photos"));
    const list = await run("backup", "list", ...files, "--json");
    expect(JSON.parse(list.out)).toMatchObject({
      type: "backup",
      id: "first",
      database: setting.name,
      collections: Object.keys(before).length + 3,
    });
    expect((await run("backup", "show", "first", ...files)).text).toMatch(/ {2}weather {2}\d+ doc/);
    const verified = await run("backup", "verify", "first", ...files);
    expect([verified.code, verified.text]).toEqual([0, expect.stringMatching(/to go\n/)]);

    const target = `${setting.name}_again`;
    onTestFinished(async () => void (await setting.client.db(target).dropDatabase()));
    const restore = ["restore", "first", ...on, "--to-db", target];
    expect(await run(...restore, "--dry-run")).toMatchObject({
      code: 0,
      text: expect.stringContaining("nothing was written"),
    });
    expect(await databases()).not.toContain(target);
    const restored = await run(...restore, "--json");
    expect(restored.code, restored.text).toBe(0);
    const lines = restored.out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines[0]).toMatchObject({ type: "progress" });
    expect(lines.at(-1)).toMatchObject({ type: "restored", to: target });
    expect(await digestDatabase(setting.client, target)).toEqual(before);
    expect(await digestDatabase(setting.client, setting.name)).toEqual(before);
    expect(await run(...restore)).toMatchObject({
      code: 2,
      text: expect.stringContaining("exists"),
    });
  });

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
      await run("backup", "create", "stock", ...how, ...on);
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

  test("what may not be restored, or not there, is refused and touches nothing", async () => {
    await setting.client
      .db(setting.name)
      .collection("things")
      .insertMany([{ a: 1 }, { a: 2 }]);
    await run("backup", "create", "b", ...on);
    const before = await databases();
    const refused: readonly (readonly [readonly string[], number, string])[] = [
      [["b", "--to-db", setting.name], 2, "exists"],
      [["b", "--to-db", setting.name.toUpperCase()], 2, "differs from"],
      [["b", "--to-db", "admin"], 2, "of the server or of Lockstep"],
      [["b", "--to-db", "lockstep"], 2, "of the server or of Lockstep"],
      [["b", "--to-db", "Lockstep_other"], 2, "of the server or of Lockstep"],
      [["b", "--to-db", "a/b"], 2, "a database's name"],
      [["../b", "--to-db", "x"], 2, "backup's id"],
      [["nowhere", "--to-db", "x"], 1, "backup-mismatch"],
      [["b"], 2, "--to-db"],
    ];
    for (const [words, code, text] of refused) {
      const answer = await run("restore", ...words, ...on);
      expect([answer.code, answer.text.includes(text)], `${words}: ${answer.text}`).toEqual([
        code,
        true,
      ]);
    }
    const directory = join(folder, "b");
    const { seal: _seal, ...rest } = await readManifest(directory);
    const other = sealed({
      ...rest,
      serverVersion: "4.4.0",
      digest: manifestDigest(rest.collections),
    });
    await writeFile(join(directory, "manifest.json"), JSON.stringify(other));
    const wrong = await run("restore", "b", ...on, "--to-db", "x");
    expect([wrong.code, wrong.text]).toEqual([1, expect.stringContaining("MongoDB 6")]);
    await truncate(join(directory, setting.name, "things.bson"), 10);
    expect(await run("backup", "verify", "b", ...files)).toMatchObject({
      code: 1,
      text: expect.stringContaining("backup-mismatch"),
    });
    expect(await databases()).toEqual(before);
  });

  test("a database that the URL names in another case is refused with the right name", async () => {
    await setting.client.db(setting.name).collection("things").insertOne({ a: 1 });
    const url = ["--mongo-url", urlOf(setting.name.toUpperCase())];
    const before = await databases();
    const answer = await run("backup", "create", "b", ...files, ...url);
    expect([answer.code, answer.text]).toEqual([
      2,
      expect.stringContaining(`the server has "${setting.name}"`),
    ]);
    expect(await databases()).toEqual(before);
  });

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
        expect.stringMatching(/backup-mismatch.*never finished, or has lost its manifest/s),
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
    expect(json.text).toContain('{"type":"notice","text":"collection');
  });

  test("two restores at once into one database: one is done, the other refused", async () => {
    const rows = Array.from({ length: 20_000 }, (_, n) => ({ n, text: "x".repeat(100) }));
    await setting.client.db(setting.name).collection("things").insertMany(rows);
    await run("backup", "create", "b", ...on);
    const target = `${setting.name}_twice`;
    onTestFinished(async () => void (await setting.client.db(target).dropDatabase()));
    const answers = await Promise.all(
      [1, 2].map(() => run("restore", "b", ...on, "--to-db", target)),
    );
    const words = answers.map(({ text }) => text).join("\n");
    expect(answers.map(({ code }) => code).toSorted(), words).toEqual([0, 2]);
    expect(await digestDatabase(setting.client, target)).toEqual(
      await digestDatabase(setting.client, setting.name),
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

  test("an id that is taken is refused: the backup that has it stays", async () => {
    await run("backup", "create", "b", ...on);
    const before = await readFile(join(folder, "b", "manifest.json"), "utf8");
    const again = await run("backup", "create", "b", ...on);
    expect([again.code, again.text.includes("choose another id")], again.text).toEqual([2, true]);
    expect(await readFile(join(folder, "b", "manifest.json"), "utf8")).toBe(before);
    // Whatever it is that has it.
    await mkdir(join(folder, "photos"));
    expect((await run("backup", "create", "photos", ...on)).code).toBe(2);
    expect(await readdir(folder)).toContain("photos");
  });

  test("a directory that cannot be used", async () => {
    const file = join(folder, "file");
    await writeFile(file, "");
    const url = ["--mongo-url", urlOf(setting.name)];
    expect((await run("backup", "list", "--directory", file)).code).toBe(2);
    const create = await run("backup", "create", "b", "--directory", join(file, "below"), ...url);
    expect([create.code, create.text.includes("bad-argument")], create.text).toEqual([2, true]);
    // Where even root makes no folder.
    const nowhere = await run("backup", "create", "b", "--directory", "/sys/lockstep", ...url);
    expect([nowhere.code, nowhere.text.includes("bad-argument")], nowhere.text).toEqual([2, true]);
    expect(await databases()).toEqual([]);
  });
});

describe("lockstep rehearse", () => {
  const steps = async (body: string) => {
    const path = join(folder, "steps.mjs");
    await writeFile(
      path,
      `export const steps = [{ name: "one", version: "1.1.0", target: "MasterStateServer",
        description: "", run: async (context) => { ${body} } }];`,
    );
    return ["--steps", path];
  };

  test("passes on a copy with figures, and leaves nothing behind", async () => {
    const things = setting.client.db(setting.name).collection("things");
    await things.insertMany([{ a: 1 }, { a: 2 }]);
    await run("init", "1.0.0", "--mongo-url", urlOf(setting.name));
    const before = [await databases(), await digestDatabase(setting.client, setting.name)];
    const body = `await context.applyToCollection("things", { update: [{ $set: { b: 1 } }] });
      await context.addIndex("things", { b: 1 }, { name: "by-b" });`;
    const answer = await run("rehearse", "1.1.0", ...on, ...(await steps(body)));
    expect(answer.code, answer.text).toBe(0);
    expect(answer.text).toMatch(/one {2}\d.*2 documents changed in 1 batches/);
    expect(answer.text).toMatch(/applyToCollection things {2}\d.*about \d+/);
    expect(answer.text).toContain('"things" has other indexes');
    expect(answer.text).toMatch(/to go\n.*more on each member's disk/s);
    expect([await databases(), await digestDatabase(setting.client, setting.name)]).toEqual(before);
    expect(await readdir(folder)).toEqual(["steps.mjs"]);
  });

  test("a step that fails is told with its documents; a module without steps is refused", async () => {
    await setting.client
      .db(setting.name)
      .collection("things")
      .insertMany([{ a: 1 }, { a: "x" }]);
    await run("init", "1.0.0", "--mongo-url", urlOf(setting.name));
    const body = `await context.applyToCollection("things", {
      change: ({ a }) => ({ $set: { a: a.toLowerCase() } }) });`;
    const answer = await run("rehearse", "1.1.0", ...on, ...(await steps(body)));
    expect([answer.code, answer.text.includes("toLowerCase")], answer.text).toEqual([1, true]);
    await writeFile(join(folder, "none.mjs"), "export const nothing = 1;");
    const none = await run("rehearse", "1.1.0", ...on, "--steps", join(folder, "none.mjs"));
    expect([none.code, none.text.includes("export `steps`")], none.text).toEqual([2, true]);
  });

  test("a step that hangs and ignores its signal does not keep an interrupted command alive", async () => {
    await setting.client.db(setting.name).collection("things").insertOne({ a: 1 });
    await run("init", "1.0.0", "--mongo-url", urlOf(setting.name));
    const body = `process.kill(process.pid, "SIGINT");
      await new Promise(() => setInterval(() => {}, 1_000));`;
    const answer = await run("rehearse", "1.1.0", ...on, ...(await steps(body)));
    expect(answer.code, answer.text).toBe(130);
    expect(await databases()).toEqual([setting.name]);
    expect(await readdir(folder)).toEqual(["steps.mjs"]);
  });
});
