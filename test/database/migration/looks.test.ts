// Aim: an operation of a schema step looks up the collections that it names, and no others: with hundreds of
// collections a look at all of them costs seconds for each operation. Method: the same step on a database with few
// and with many collections; the commands are counted.
import { MongoClient } from "mongodb";
import { expect, inject, onTestFinished, test } from "vitest";
import type { SchemaRunOptions } from "../../../src/database/migration/runner.ts";
import { runSchemaSteps } from "../../../src/database/migration/schema-steps.ts";
import { createSetting, runOptions } from "../setting.ts";

const steps: SchemaRunOptions["steps"] = [
  {
    name: "all",
    async run(context) {
      await context.addCollection("made");
      await context.addCollection("made");
      await context.renameCollection("named", "renamed");
      await context.dropCollection("old");
      await context.setValidator("items", { seen: { $ne: false } });
      await context.addIndex("items", { n: 1 }, { name: "by-n" });
      await context.dropIndex("items", "by-old");
      await context.renameField("items", "n", "m");
      await context.removeField("items", "waste");
      await context.applyToCollection("items", { update: [{ $set: { seen: true } }] });
      await context.transaction(async (database) => {
        const items = database.collection("items");
        await items.updateOne({ m: 1 }, { $set: { first: true } });
        await database.collection("made").insertOne({ of: await items.countDocuments() });
      });
    },
  },
];

/** The looks at definitions that the step costs beside so many other collections. */
async function looksBeside(others: number, progressField: "progress" | "rehearsal") {
  const client = new MongoClient(inject("mongoUrl"), { monitorCommands: true });
  onTestFinished(() => client.close());
  const setting = await createSetting(client);
  const database = client.db(setting.name);
  onTestFinished(async () => {
    await database.dropDatabase();
    await client.db(setting.control.databaseName).dropDatabase();
  });
  await database.collection("items").insertMany([1, 2, 3].map((n) => ({ n, waste: "w" })));
  await database.collection("items").createIndex({ old: 1 }, { name: "by-old" });
  await database.createCollection("named");
  await database.createCollection("old");
  for (let n = 0; n < others; n += 1) await database.createCollection(`other-${n}`);
  let looks = 0;
  client.on("commandStarted", ({ commandName }) => {
    if (["listCollections", "listIndexes"].includes(commandName)) looks += 1;
  });
  const options = await runOptions(setting, 1, steps, { progressField });
  expect(await runSchemaSteps(options)).toMatchObject({ kind: "done" });
  expect(await database.collection("made").countDocuments({ of: 3 })).toBe(1);
  expect(await database.collection("items").countDocuments({ first: true, seen: true })).toBe(1);
  return looks;
}

test.each(["progress", "rehearsal"] as const)(
  "looks at definitions do not grow with the number of collections (%s)",
  async (progressField) => {
    const few = await looksBeside(0, progressField);
    expect(few).toBeGreaterThan(0);
    expect(await looksBeside(30, progressField)).toBe(few);
  },
);
