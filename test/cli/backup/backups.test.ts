// Aim: backups by hand are taken, shown, proven and restored beside the live database, and what must
// not be done is refused before anything is touched. Method: the compiled program on the real set.
import { mkdir, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { readManifest } from "../../../src/database/backup/dump/verify-dump.ts";
import { manifestDigest, sealed } from "../../../src/database/backup/manifest.ts";
import { digestDatabase } from "../../../src/mongo/catalogue/digest.ts";
import { fillWithEverything } from "../../database/everything.ts";
import { urlOf } from "../../support/database.ts";
import { databases, files, folder, on, run, setting } from "./backup-stage.ts";

describe("lockstep backup and restore", () => {
  test("what lies in the folder of a backup and is not in its manifest is named", async () => {
    await setting.client.db(setting.name).collection("c").insertOne({ a: 1 });
    expect((await run("backup", "create", "crowded", ...on)).code).toBe(0);
    const quiet = await run("backup", "verify", "crowded", ...files);
    expect([quiet.code, quiet.text]).toEqual([0, expect.not.stringContaining("notice")]);
    const names = [`${setting.name}/extra.bson`, "oplog.bson", "other"];
    for (const name of names.slice(0, 2)) await writeFile(join(folder, "crowded", name), "");
    await mkdir(join(folder, "crowded", "other"));
    const target = `${setting.name}_crowded`;
    onTestFinished(async () => void (await setting.client.db(target).dropDatabase()));
    for (const command of [
      ["backup", "verify", "crowded", ...files],
      ["restore", "crowded", ...on, "--to-db", target, "--dry-run"],
      ["restore", "crowded", ...on, "--to-db", target],
    ]) {
      const { code, text } = await run(...command);
      expect(code, text).toBe(0);
      for (const name of names) expect(text).toContain(`notice: "${name}" is left out`);
    }
    await rm(join(folder, "crowded"), { recursive: true });
  });

  test("every kind: taken, listed, shown, verified, restored, equal", async () => {
    await fillWithEverything(setting);
    const before = await digestDatabase(setting.client, setting.name);
    expect(await run("backup", "create", "first", ...on)).toMatchObject({
      code: 0,
      text: expect.stringContaining("backed up and proven"),
    });
    const again = await run("backup", "create", "second", ...on);
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
    expect((await run("backup", "show", "first", ...files)).text).not.toMatch(/ 1 indexes/);
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

  test("every kind, zipped: taken, verified, restored, equal", async () => {
    await fillWithEverything(setting);
    const before = await digestDatabase(setting.client, setting.name);
    const created = await run("backup", "create", "first", "--gzip", ...on);
    expect(created.code, created.text).toBe(0);
    expect((await run("backup", "verify", "first", ...files)).code).toBe(0);
    const target = `${setting.name}_again`;
    onTestFinished(async () => void (await setting.client.db(target).dropDatabase()));
    const restored = await run("restore", "first", ...on, "--to-db", target);
    expect(restored.code, restored.text).toBe(0);
    expect(await digestDatabase(setting.client, target)).toEqual(before);
  });

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
      [["../b", "--to-db", "x"], 2, "a backup's name"],
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
      expect.stringContaining(`beside "${setting.name}", which differs in case only`),
    ]);
    expect(await databases()).toEqual(before);
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

  test("a definition that stock mongorestore cannot read is a notice, and ours restores it", async () => {
    const validator = { $expr: { $ne: ["$a", { $literal: { $oid: "x" } }] } };
    await setting.client.db(setting.name).createCollection("strict", { validator });
    const created = await run("backup", "create", "b", ...on);
    expect(created.code, created.text).toBe(0);
    expect(created.out).toMatch(/^notice: stock mongorestore cannot restore .* "strict"/m);
    const target = `${setting.name}_back`;
    onTestFinished(async () => void (await setting.client.db(target).dropDatabase()));
    const restored = await run("restore", "b", ...on, "--to-db", target);
    expect(restored.code, restored.text).toBe(0);
    const [found] = await setting.client.db(target).listCollections({ name: "strict" }).toArray();
    expect(found).toMatchObject({ options: { validator } });
  });

  test("an id that is taken is refused: the backup that has it stays", async () => {
    await run("backup", "create", "b", ...on);
    const before = await readFile(join(folder, "b", "manifest.json"), "utf8");
    const again = await run("backup", "create", "b", ...on);
    expect([again.code, again.text.includes("choose another id")], again.text).toEqual([2, true]);
    expect(await readFile(join(folder, "b", "manifest.json"), "utf8")).toBe(before);
    // Any kind of file takes the name.
    await mkdir(join(folder, "photos"));
    expect((await run("backup", "create", "photos", ...on)).code).toBe(2);
    expect(await readdir(folder)).toContain("photos");
  });

  test("an id that an upgrade can have is refused: an agent would delete the backup one day", async () => {
    for (const id of ["u000777", "u1234567"]) {
      const { code, text } = await run("backup", "create", id, ...on);
      expect([code, text]).toEqual([2, expect.stringContaining("that no upgrade can have")]);
      expect(await readdir(folder)).not.toContain(id);
    }
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
    expect(answer.text).toMatch(/one {2}\d.*2 documents changed in 1 batch/);
    expect(answer.text).toMatch(/applyToCollection things {2}\d.*about \d+/);
    expect(answer.text).toContain('index "by-b" of "things" is new');
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
    expect([none.code, none.text.includes("an array `steps`")], none.text).toEqual([2, true]);
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
