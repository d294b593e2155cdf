// Aim: a command with a wrong name of a database, a fleet or a replica set says exactly that, at once, and leaves
// nothing in the set. Method: the compiled program on the real set, whose databases are listed before and after.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { MongoClient } from "mongodb";
import { beforeAll, describe, expect, inject, onTestFinished, test } from "vitest";
import { runCommand } from "../../src/ports/process.ts";
import { freshDatabaseName, openClient, urlOf } from "../support/database.ts";
import { startStandalone } from "../support/standalone.ts";

const main = resolve("dist/src/cli/main.js");
const run = async (...words: string[]) => {
  const ran = await runCommand(process.execPath, [main, ...words], { timeoutMs: 60_000 });
  return { code: ran?.exitCode, text: `${ran?.stdout}${ran?.stderr}`, out: ran?.stdout ?? "" };
};
/** Everything that the set has of the tests of this file, with the indexes. */
async function contents(name: string): Promise<unknown> {
  const client = await openClient();
  const { databases } = await client.db("admin").admin().listDatabases({ nameOnly: true });
  const ours = databases.map((database) => database.name).filter((one) => one.includes(name));
  return Promise.all(
    ours.map(async (one) => {
      const collections = await client.db(one).listCollections().toArray();
      const indexes = await Promise.all(
        collections.map((entry) => client.db(one).collection(entry.name).indexes()),
      );
      return [one, collections.length, indexes.flat().length];
    }),
  );
}

/** Longer than a wait for the database or for a master: whoever waits for one is ended by the test. */
const patient = ["--timeout", "1000"];

describe("a fleet that nobody has declared", () => {
  const name = freshDatabaseName();
  const url = ["--mongo-url", urlOf(name)];
  const other = ["--fleet", `${name}_othre`];
  beforeAll(async () => {
    const client = await new MongoClient(urlOf(name)).connect();
    await client.db(name).collection("things").insertOne({ a: 1 });
    await client.close();
  });

  test.each([
    ["status"],
    ["history"],
    ["upgrade", "1.1.0"],
    ["abort"],
    ["retry"],
    ["forget", "a1"],
    ["allow-writes"],
    ["rehearse", "1.1.0", "--steps", "steps.mjs", "--directory", tmpdir()],
  ])("`lockstep %s` names it and the next command, and writes nothing", async (...words) => {
    const before = await contents(name);
    const { code, text } = await run(...words, ...url, ...other, ...patient);
    expect([code, text]).toEqual([1, expect.stringContaining("no-version")]);
    expect(text).toContain(`the fleet "${name}_othre" of the database "${name}"`);
    expect(text).toContain(`run \`lockstep init VERSION --fleet ${name}_othre\` once`);
    expect(await contents(name)).toEqual(before);
  });

  test("is told apart from those that are declared; reading commands write nothing there either", async () => {
    const declared = freshDatabaseName();
    const words = ["--mongo-url", urlOf(declared)];
    expect((await run("init", "1.0.0", "--new-database", ...words)).code).toBe(0);
    const { text } = await run("upgrade", "1.1.0", ...url, ...patient);
    // Other tests have declared more fleets here than a message names.
    expect(text).toMatch(/declared are "[^"]+" of the database "[^"]+"/);
    const before = await contents(declared);
    for (const command of ["status", "history"]) {
      expect((await run(command, ...words)).code).toBe(0);
    }
    expect(await contents(declared)).toEqual(before);
  });
});

describe("a database that is not there", () => {
  test("init refuses it with those that are, and declares nothing; --new-database says that it is meant", async () => {
    const there = freshDatabaseName();
    await (await openClient()).db(there).collection("things").insertOne({ a: 1 });
    const misspelt = `${there}x`;
    const url = ["--mongo-url", urlOf(misspelt)];
    const { code, text } = await run("init", "1.0.0", ...url);
    expect([code, text]).toEqual([2, expect.stringContaining("bad-argument")]);
    expect(text).toContain(`expected the database "${misspelt}"`);
    expect(text).toContain("--new-database");
    expect(await contents(misspelt)).toEqual([]);
    expect((await run("init", "1.0.0", "--new-database", ...url)).code).toBe(0);
    // A repeated declaration changes nothing, so it needs no word for it.
    expect((await run("init", "1.0.0", ...url)).code).toBe(0);
  });
});

describe("a replica set of another name", () => {
  const named = (url: string) => url.replace(/replicaSet=[^&]*/, "replicaSet=another");

  test("each command names both sets, without a wait", async () => {
    const url = named(urlOf(freshDatabaseName()));
    const folder = await mkdtemp(join(tmpdir(), "lockstep-names-"));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    for (const words of [["status"], ["backup", "create", "b", "--directory", folder]]) {
      const { code, text } = await run(...words, "--mongo-url", url, ...patient);
      expect([code, text]).toEqual([2, expect.stringContaining('the replica set "another"')]);
      expect(text).toMatch(/a member of "(\w+)": put replicaSet=\1 into the URL/);
    }
  });

  test("a host that is away leaves nothing to wait for, where the others are of another set", async () => {
    const url = named(urlOf(freshDatabaseName())).replace(/\/\/[^,]*/, "//127.0.0.1:1");
    const { code, text } = await run("status", "--mongo-url", url, ...patient);
    expect([code, text]).toEqual([2, expect.stringContaining('the replica set "another"')]);
  });

  test("one wrong host beside those of the set does no harm", async () => {
    const alone = await startStandalone({ mongodPath: inject("mongodPath") });
    onTestFinished(() => alone.stop());
    const name = freshDatabaseName();
    expect((await run("init", "1.0.0", "--new-database", "--mongo-url", urlOf(name))).code).toBe(0);
    const host = new URL(alone.url("x")).host;
    const beside = urlOf(name).replace("//", `//${host},`);
    const seen = await run("status", "--mongo-url", beside);
    expect(seen.code, seen.text).toBe(0);
    const only = `mongodb://${host}/${name}?replicaSet=another`;
    const { code, text } = await run("status", "--mongo-url", only, ...patient);
    expect([code, text]).toEqual([4, expect.stringContaining("got a standalone mongod")]);
  });
});
