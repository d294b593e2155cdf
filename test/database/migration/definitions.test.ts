// Aim: every operation of a schema step is done once, whoever dies where, and equals an undisturbed
// run (S9); what it must not touch is refused by name. Method: one list of steps with all operations,
// killed at a durable write, continued by a successor; catalogue and hashes compared. The tests take every
// fourth write, `npm run kill-every-write` each.
import { describe, expect, test } from "vitest";
import type { SchemaRunOptions } from "../../../src/database/migration/runner.ts";
import type { SchemaContext } from "../../../src/database/migration/schema-context.ts";
import { runSchemaSteps } from "../../../src/database/migration/schema-steps.ts";
import { differences, readCatalogue } from "../../../src/mongo/catalogue/catalogue.ts";
import { digestDatabase } from "../../../src/mongo/catalogue/digest.ts";
import { createSetting, dyingFaultPoints, runOptions, type Setting } from "../setting.ts";

const steps: SchemaRunOptions["steps"] = [
  {
    name: "definitions",
    async run(context) {
      await context.addCollection("made", {
        validator: { n: { $in: [1, 2, 3] } },
        validationAction: "warn",
        collation: { locale: "de", strength: 2 },
      });
      await context.dropCollection("old");
      await context.renameCollection("named", "renamed");
      await context.addIndex(
        "items",
        [
          ["n", 1],
          ["2", -1],
        ],
        { name: "pairs", sparse: true },
      );
      await context.addIndex("items", { title: "text" }, { name: "words", weights: { title: 3 } });
      await context.addIndex(
        "items",
        { n: 1 },
        {
          name: "some",
          unique: true,
          partialFilterExpression: { n: { $gt: 5 } },
        },
      );
      await context.dropIndex("items", "by-old");
      await context.dropIndex("items", "never there");
      await context.setValidator("items", { title: { $type: "string" } }, { level: "moderate" });
      await context.setValidator("renamed", null);
    },
  },
  {
    name: "fields",
    async run(context) {
      await context.renameField("items", "deep.old", "deep.young");
      await context.removeField("items", "waste");
      await context.applyToCollection("items", {
        change: ({ n }) => ({ $set: { twice: Number(n) * 2 } }),
      });
      await context.transaction(async (database) => {
        await database.collection("made").insertOne({ _id: context.id("x"), n: 1 });
      });
    },
  },
];

async function fill({ client, name }: Setting): Promise<void> {
  const database = client.db(name);
  const items = Array.from({ length: 1_100 }, (_, n) => ({
    _id: n as never,
    n,
    title: `t${n}`,
    deep: { old: n },
    waste: "w",
  }));
  await database.collection("items").insertMany(items);
  await database.collection("items").createIndex({ title: 1 }, { name: "by-old" });
  await database.collection("old").insertOne({ a: 1 });
  await database.createCollection("named", { validator: { a: 1 } });
}

async function stateOf({ client, name }: Setting) {
  return {
    catalogue: await readCatalogue(client, name),
    digest: await digestDatabase(client, name),
  };
}

const stride = process.env["LOCKSTEP_KILL"] === "all" ? 1 : 4;

test.each(["before", "after"] as const)(
  "killed %s durable writes in turn: a successor ends it as an undisturbed run does",
  { timeout: 240_000 },
  async (when) => {
    const undisturbed = await createSetting();
    await fill(undisturbed);
    expect(await runSchemaSteps(await runOptions(undisturbed, 1, steps))).toMatchObject({
      kind: "done",
    });
    const expected = await stateOf(undisturbed);
    expect(expected.digest["items"]?.count).toBe(1_100);
    for (let at = 1; ; at += stride) {
      const setting = await createSetting();
      await fill(setting);
      const faultPoints = dyingFaultPoints(at, when);
      const died = await runSchemaSteps(await runOptions(setting, 1, steps, { faultPoints })).then(
        ({ kind }) => kind === "failed",
        () => true,
      );
      const result = await runSchemaSteps(await runOptions(setting, 2, steps));
      expect(result, `killed ${when} write ${at}`).toMatchObject({ kind: "done" });
      const found = await stateOf(setting);
      expect(differences(expected.catalogue, found.catalogue, { ignoreUuid: true })).toEqual([]);
      expect(found.digest).toEqual(expected.digest);
      if (!died) {
        expect(at).toBeGreaterThan(25);
        break;
      }
    }
  },
);

describe("refused by name, and nothing is touched", () => {
  const refused: Readonly<
    Record<string, readonly [(context: SchemaContext) => Promise<void>, RegExp]>
  > = {
    "a capped collection": [
      (context) => context.applyToCollection("capped", { update: [{ $set: { a: 1 } }] }),
      /"capped" is a capped collection/,
    ],
    "a time series": [(context) => context.dropCollection("series"), /"series" is a timeseries/],
    "a view": [(context) => context.renameCollection("view", "other"), /"view" is a view/],
    "a capped collection in a transaction": [
      (context) =>
        context.transaction(async (database) => {
          await database.collection("capped").insertOne({ a: 1 });
        }),
      /"capped" is a capped collection/,
    ],
    "a collection that belongs to the server": [
      (context) =>
        context.transaction(async (database) => {
          await database.collection("system.views").deleteMany({});
        }),
      /"system.views"/,
    ],
    "buckets of nobody's": [
      (context) => context.addIndex("system.buckets.plain", { a: 1 }, { name: "a" }),
      /"system.buckets.plain" belongs to the server/,
    ],
    "a name that was dropped": [
      async (context) => {
        await context.dropCollection("empty");
        await context.addCollection("empty");
      },
      /"empty" was dropped/,
    ],
    "a name that was dropped, in a transaction": [
      async (context) => {
        await context.dropCollection("empty");
        await context.transaction(async (database) => {
          await database.collection("empty").insertOne({});
        });
      },
      /"empty"/,
    ],
    "another collection of that name": [
      (context) => context.addCollection("items", { validator: { a: 1 } }),
      /with the same options/,
    ],
    "an index of a collection that is not there": [
      (context) => context.addIndex("nowhere", { a: 1 }, { name: "a" }),
      /"nowhere", found none/,
    ],
    "a renaming onto a collection": [
      (context) => context.renameCollection("items", "empty"),
      /no collection "empty"/,
    ],
    "a field that would be overwritten": [
      (context) => context.renameField("items", "a", "b"),
      /both "a" and "b": 1/,
    ],
    "a field that is a number": [
      (context) => context.renameField("items", 5 as never, "a"),
      /renameField: expected a field .* got 5/,
    ],
    "a validator that is missing": [
      (context) => context.setValidator("items", undefined as never),
      /setValidator: expected a validator, or null, got undefined/,
    ],
    "a field that is an operator": [(context) => context.removeField("items", "$a"), /"\$a"/],
  };

  test.each(Object.entries(refused))("%s", async (_what, [run, words]) => {
    const setting = await createSetting();
    const database = setting.client.db(setting.name);
    await database.createCollection("capped", { capped: true, size: 4096 });
    await database.createCollection("system.buckets.plain");
    await database.createCollection("series", { timeseries: { timeField: "t" } });
    await database.collection("items").insertOne({ _id: 1 as never, a: 1, b: 2 });
    await database.createCollection("view", { viewOn: "items", pipeline: [] });
    await database.createCollection("empty");
    const result = await runSchemaSteps(await runOptions(setting, 1, [{ name: "one", run }]));
    expect(result).toMatchObject({
      kind: "failed",
      reason: { message: expect.stringMatching(words) },
    });
  });
});

test("a stale command for a collection that was swapped meanwhile hits nothing", async () => {
  const setting = await createSetting();
  const { client, name } = setting;
  await client.db(name).collection("items").insertOne({ a: 1 });
  const options = await runOptions(setting, 1, [
    { name: "one", run: (context) => context.dropCollection("items") },
  ]);
  // Between the intent and the command somebody else becomes master and restores.
  const faultPoints: SchemaRunOptions["faultPoints"] = {
    async write(write, action) {
      if (write === "drop-collection") {
        await client.db(name).collection("other").insertOne({ restored: true });
        await client.db(name).renameCollection("other", "items", { dropTarget: true });
        await setting.master(2);
      }
      return action();
    },
  };
  const outcome = await runSchemaSteps({ ...options, faultPoints }).catch(
    (error: unknown) => error,
  );
  expect(JSON.stringify(outcome)).not.toContain('"done"');
  expect(await client.db(name).collection("items").countDocuments({ restored: true })).toBe(1);
});
