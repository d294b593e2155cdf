// Aim: adding an index ends, whatever the server makes of it: the index of _id is there from the beginning, and flags may
// be numbers. Method: the real set; a server that loses what it has accepted.
import { type Document, Double } from "mongodb";
import { expect, test } from "vitest";
import type { SchemaRunOptions } from "../../src/database/migration/runner.ts";
import { runSchemaSteps } from "../../src/database/migration/schema-steps.ts";
import { createSetting, runOptions, type Setting } from "../database/setting.ts";

/** Adds indexes to collections of a database, each in an upgrade of its own. */
function adder(setting: Setting, more: Partial<SchemaRunOptions> = {}) {
  let epoch = 0;
  return async (collection: string, key: Document, options: Document = {}): Promise<string> => {
    epoch += 1;
    const step: SchemaRunOptions["steps"][number] = {
      name: "one",
      run: (context) => context.addIndex(collection, key, { name: "it", ...options }),
    };
    const upgrade = { upgradeId: `u00000${epoch}`, ...more };
    const result = await runSchemaSteps(await runOptions(setting, epoch, [step], upgrade));
    return result.kind === "failed"
      ? `${result.reason.code}: ${result.reason.message}`
      : result.kind;
  };
}

test("the index of _id is there by its own name, and another index under any other", async () => {
  const setting = await createSetting();
  const database = setting.client.db(setting.name);
  await database.createCollection("plain");
  await database.createCollection("collated", { collation: { locale: "de" } });
  const clusteredIndex = { key: { _id: 1 }, unique: true };
  await database.createCollection("clustered", { clusteredIndex });
  const add = adder(setting);
  const key = { _id: 1 };
  for (const collection of ["plain", "collated", "clustered"]) {
    expect(await add(collection, key, { name: "_id_" }), collection).toBe("done");
    expect(await add(collection, key), collection).toMatch(
      /^schema-conflict: .*"it" of .* exists already as "_id_"/,
    );
    expect(await add(collection, key, { name: "_id_", sparse: true }), collection).toMatch(
      /^schema-conflict: .* is named "_id_"/,
    );
  }
  const french = { name: "_id_", collation: { locale: "fr" } };
  expect(await add("collated", key, french)).toMatch(/^schema-conflict: .* is named "_id_"/);
});

test("flags that are numbers mean the same as booleans, to the first upgrade and the next", async () => {
  const setting = await createSetting();
  await setting.client.db(setting.name).createCollection("items");
  const add = adder(setting);
  const numbers = { unique: 1, sparse: new Double(2) };
  expect(await add("items", { a: 1 }, numbers)).toBe("done");
  expect(await add("items", { a: 1 }, { unique: true, sparse: true })).toBe("done");
  expect(await add("items", { a: 1 }, { unique: 0, sparse: 1 })).toMatch(/^schema-conflict/);
  const [, found] = await setting.client.db(setting.name).collection("items").indexes();
  expect(found).toMatchObject({ unique: true, sparse: true });
});

test("an index that the server accepts and does not have is a conflict, and no loop", async () => {
  const setting = await createSetting();
  await setting.client.db(setting.name).createCollection("items");
  let asked = 0;
  const faultPoints: SchemaRunOptions["faultPoints"] = {
    async write(name, action) {
      if (name !== "add-index") return action();
      asked += 1;
      return undefined as never;
    },
  };
  expect(await adder(setting, { faultPoints })("items", { a: 1 })).toMatch(
    /^schema-conflict: .*does not have it afterwards/,
  );
  expect(asked).toBeGreaterThan(1);
});
