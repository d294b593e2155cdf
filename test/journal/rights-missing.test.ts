// Aim: a right that is missing is told as that, without the command that the server quotes, and no step is blamed.
// Method: the server's real refusal of users without rights, on a set with users.
import { resolve } from "node:path";
import { MongoClient } from "mongodb";
import { afterAll, beforeAll, expect, test } from "vitest";
import { messageOf } from "../../src/errors.ts";
import type { ReplicaSet } from "../../src/local/replica-set.ts";
import { asUnreachable } from "../../src/mongo/transient.ts";
import { runCommand } from "../../src/ports/process.ts";
import { startSecureSet } from "../support/secure.ts";

let set: ReplicaSet;
let url: string;
beforeAll(async () => {
  set = await startSecureSet();
  const root = new MongoClient(set.url("things"));
  const roles = [{ role: "read", db: "things" }];
  await root.db("admin").command({ createUser: "reader", pwd: "secret", roles });
  await root.close();
  url = set.url("things").replace("keeper:", "reader:");
});
afterAll(() => set?.stop());

test.each([
  ["insert", "insertOne", "insert", [{ secretValue: "told" }]],
  ["insert", "insertMany", "insert", [[{ secretValue: "told" }]]],
  ["update", "updateMany", "update", [{ a: { $gt: "}" } }, { $set: { secretValue: "told" } }]],
  ["createIndexes", "createIndex", "createIndex", [{ secretValue: 1 }]],
  ["drop", "drop", "dropCollection", []],
  ["delete", "deleteMany", "remove", [{ secretValue: 1 }]],
  [
    "insert",
    "insertOne",
    "insert, bypassDocumentValidation",
    [{ secretValue: 1 }, { bypassDocumentValidation: true }],
  ],
] as const)("%s by %s needs %s", async (command, method, actions, given) => {
  const client = new MongoClient(url);
  const items = client.db("things").collection("items") as unknown as Record<
    string,
    (...given: readonly unknown[]) => Promise<unknown>
  >;
  const thrown = await items[method]?.(...given).catch((error: unknown) => error);
  await client.close();
  expect(asUnreachable(thrown)).toMatchObject({ code: "rights-missing" });
  const text = messageOf(asUnreachable(thrown));
  expect(text).toContain(
    `not authorized on things to execute the command ${command} ("items"), which needs ${actions} there`,
  );
  expect(text).not.toMatch(/signature|clusterTime|secretValue|lsid/);
  expect(messageOf(thrown)).not.toMatch(/signature|clusterTime|secretValue|lsid/);
});

test("a change stream", async () => {
  const roles = [{ role: "readWrite", db: "other" }];
  const root = new MongoClient(set.url("things"));
  await root.db("admin").command({ createUser: "elsewhere", pwd: "secret", roles });
  await root.close();
  const client = new MongoClient(set.url("things").replace("keeper:", "elsewhere:"));
  const opening = client.db("things").command({
    ...{ aggregate: 1, pipeline: [{ $changeStream: {} }], cursor: {} },
  });
  const thrown = await opening.catch((error: unknown) => error);
  await client.close();
  expect(messageOf(thrown)).toContain("(1), which needs find, changeStream there");
});

test("on the command line", async () => {
  const ran = await runCommand(
    process.execPath,
    [resolve("dist/src/cli/main.js"), "init", "1.0.0", "--mongo-url", url, "--timeout", "10"],
    { timeoutMs: 60_000 },
  );
  expect(ran?.exitCode).toBe(1);
  expect(ran?.stderr).toContain("rights-missing: ");
  expect(`${ran?.stdout}${ran?.stderr}`).not.toMatch(/signature|clusterTime|lsid/);
});
