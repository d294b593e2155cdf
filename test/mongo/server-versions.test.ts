// Aim: a set whose featureCompatibilityVersion is below 6.0 or on its way, or whose members run different
// releases, is refused by name before anything is touched. Method: the pure decision; the compiled program and
// the preflight of an upgrade on a real set of one member.

import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { MongoClient } from "mongodb";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { createMongoStore } from "../../src/journal/mongo-store.ts";
import { type ReplicaSet, startReplicaSet } from "../../src/local/replica-set.ts";
import { silentLog } from "../../src/log.ts";
import { connect, memberOpener } from "../../src/mongo/connect.ts";
import { controlDatabaseName } from "../../src/mongo/database-names.ts";
import { requireOneVersion } from "../../src/mongo/requirements/server-versions.ts";
import { systemClock } from "../../src/ports/clock.ts";
import { noFaults } from "../../src/ports/fault-point.ts";
import { runCommand } from "../../src/ports/process.ts";
import {
  type PreflightOptions,
  preflightUpgrade,
} from "../../src/upgrade/database/preflight-upgrade.ts";

const member = (host: string, version: string) => ({ host, version });
const settled = { feature: "6.0", target: null, members: [member("a:1", "6.0.5")] };

test.each([
  ["on its way up", { ...settled, feature: "5.0", target: "6.0" }, /5\.0 to 6\.0.*"6\.0"/],
  ["on its way down", { ...settled, target: "5.0" }, /6\.0 to 5\.0.*"5\.0"/],
  ["too low", { ...settled, feature: "5.0" }, /found 5\.0 on MongoDB 6\.0.*"6\.0"/],
  [
    "far too low, on a newer server",
    { ...settled, feature: "4.4", members: [member("a:1", "7.0.2")] },
    /found 4\.4 on MongoDB 7\.0.*"7\.0"/,
  ],
  [
    "members of two releases",
    { ...settled, members: [member("a:1", "6.0.5"), member("b:1", "7.0.2")] },
    /a:1 \(6\.0\.5\), b:1 \(7\.0\.2\)/,
  ],
  [
    "members of two rapid releases",
    { ...settled, members: [member("a:1", "6.0.5"), member("b:1", "6.3.1")] },
    /b:1 \(6\.3\.1\)/,
  ],
])("refused: %s", (_kind, found, words) => {
  expect(() => requireOneVersion(found)).toThrow(words);
});

test.each([
  ["the oldest", settled],
  ["patches that differ", { ...settled, members: [member("a", "6.0.5"), member("b", "6.0.19")] }],
  ["a newer server, not yet switched", { ...settled, members: [member("a", "7.0.2")] }],
  ["two digits", { ...settled, feature: "10.0", members: [member("a", "10.0.0")] }],
  ["nobody could be asked", { ...settled, members: [] }],
])("accepted: %s", (_kind, found) => {
  expect(() => requireOneVersion(found)).not.toThrow();
});

let set: ReplicaSet;
let client: MongoClient;
let folder: string;
beforeAll(async () => {
  set = await startReplicaSet({ mongodPath: inject("mongodPath"), members: 1 });
  client = await connect(set.url("things"), "test");
  folder = await mkdtemp(join(tmpdir(), "lockstep-versions-"));
  await client.db().collection("items").insertOne({ here: true });
});
afterAll(async () => {
  await client?.close();
  await set?.stop();
  if (folder) await rm(folder, { recursive: true, force: true });
});

const run = async (...words: string[]) => {
  const main = resolve("dist/src/cli/main.js");
  const on = ["--mongo-url", set.url("things")];
  const ran = await runCommand(process.execPath, [main, ...words, ...on], { timeoutMs: 60_000 });
  return { code: ran?.exitCode, text: `${ran?.stdout}${ran?.stderr}` };
};

const preflight = () => {
  const store = createMongoStore({
    client,
    databaseName: controlDatabaseName("things"),
    faultPoints: noFaults,
    clock: systemClock,
  });
  const controlDatabase = controlDatabaseName("things");
  const world = {
    ...{ client, store, databaseName: "things", log: silentLog },
    controlDatabaseName: controlDatabase,
  };
  const withMember = memberOpener(set.url("things"), "test");
  return preflightUpgrade(
    { ...world, memberClient: client, withMember } as unknown as PreflightOptions,
    {
      bytes: 0,
      files: 0,
    },
  );
};

const setFeature = (version: string) =>
  client.db("admin").command({ setFeatureCompatibilityVersion: version });

/** The document is what the server itself writes while the change is under way. */
const setTarget = (change: object) =>
  client
    .db("admin")
    .collection<{ _id: string }>("system.version")
    .updateOne({ _id: "featureCompatibilityVersion" }, change);

test("every act that copies data, on a set below 6.0 and on its way; accepted once it is there", async () => {
  const files = ["--directory", folder];
  const stepsPath = join(folder, "steps.mjs");
  const facts = '{ name: "s", version: "1.1.0", target: "MasterStateServer", description: "none"';
  await writeFile(stepsPath, `export const steps = [${facts}, async run() {} }];\n`);
  expect((await run("init", "1.0.0")).code).toBe(0);
  expect((await run("backup", "create", "first", ...files)).code).toBe(0);
  const before = await client.db("admin").admin().listDatabases({ nameOnly: true });
  const acts = [
    ["backup", "create", "second", ...files],
    ["rehearse", "1.1.0", "--steps", stepsPath, ...files],
    ["restore", "first", "--to-db", "beside", ...files],
    ["restore", "first", "--to-db", "beside", "--dry-run", ...files],
    ["restore", "first", "--confirm", "things", ...files],
    ["restore", "first", "--dry-run", ...files],
  ];
  const refused = async (words: RegExp) => {
    for (const act of acts) {
      const { code, text } = await run(...act);
      expect([code, text], act.join(" ")).toEqual([1, expect.stringMatching(words)]);
    }
    await expect(preflight()).rejects.toMatchObject({
      code: "database-not-supported",
      message: expect.stringMatching(words),
    });
    expect(await client.db("admin").admin().listDatabases({ nameOnly: true })).toMatchObject({
      databases: before.databases,
    });
    expect((await readdir(folder)).toSorted()).toEqual(["first", "steps.mjs"]);
  };
  await setFeature("5.0");
  await refused(/featureCompatibilityVersion.*found 5\.0.*setFeatureCompatibilityVersion: "6\.0"/);
  await setTarget({ $set: { targetVersion: "6.0" } });
  await refused(/featureCompatibilityVersion.*on the way from 5\.0 to 6\.0/);
  expect((await run("status")).code).toBe(0);
  // As the server itself writes it on the way down.
  await setTarget({ $set: { targetVersion: "5.0", previousVersion: "6.0" } });
  await refused(/featureCompatibilityVersion.*on the way from 6\.0 to 5\.0/);
  await setTarget({ $unset: { targetVersion: "", previousVersion: "" } });
  await setFeature("6.0");
  for (const act of acts.slice(0, 3)) {
    const { code, text } = await run(...act);
    expect(code, text).toBe(0);
  }
});
