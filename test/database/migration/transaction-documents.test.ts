// Aim: a document that a transaction reads and writes back keeps the types that plain JavaScript loses, and one that a
// validator refuses is named. Method: the real set, with every such type; the bytes are compared.
import { BSON, BSONSymbol, Double, Int32, Long } from "mongodb";
import { describe, expect, test } from "vitest";
import type { SchemaRunOptions } from "../../../src/database/migration/runner.ts";
import type { StepDatabase } from "../../../src/database/migration/schema-context.ts";
import { runSchemaSteps } from "../../../src/database/migration/schema-steps.ts";
import { documentOf } from "../../../src/mongo/bson/elements.ts";
import { insertRaw } from "../../../src/mongo/bson/raw-insert.ts";
import { element } from "../odd-values.ts";
import { createSetting, runOptions, type Setting, targetIn } from "../setting.ts";

const bodyOf = (body: (database: StepDatabase) => Promise<void>): SchemaRunOptions["steps"] => [
  { name: "one", run: (context) => context.transaction(body) },
];

const values = () => ({
  long: Long.fromNumber(5),
  far: Long.fromString("9007199254740993"),
  double: new Double(5),
  zero: new Double(-0),
  int: new Int32(5),
  half: 0.5,
  symbol: new BSONSymbol("s"),
  text: "s",
});
const whole = (_id: unknown) => ({
  ...{ _id, ...values(), nested: { ...values(), deep: { "1": Long.fromNumber(1) } } },
  list: [Long.fromNumber(1), { n: Long.fromNumber(2) }, { n: new Double(3) }],
});

async function all({ client, name }: Setting): Promise<readonly string[]> {
  const found = client.db(name).collection("items").find({}, { raw: true }).sort({ _id: 1 });
  const rows = (await found.toArray()) as unknown as readonly Uint8Array[];
  return rows.map((bytes) => Buffer.from(bytes).toString("hex"));
}
const hex = (document: object) => Buffer.from(BSON.serialize(document)).toString("hex");

describe("a document that is written back by replaceOne", () => {
  test.each<[string, unknown]>([
    ["an Int32", new Int32(1)],
    ["a Long", Long.fromNumber(1)],
    ["a text", "one"],
  ])("whole: it is as it was, also `undefined`; its _id is %s", async (_, id) => {
    const setting = await createSetting();
    const bytes = BSON.serialize(whole(id));
    const lost = documentOf([
      element("_id", 2, Buffer.from(BSON.serialize({ v: "z" })).subarray(7, -1)),
      element("gone", 6),
    ]);
    await insertRaw(
      targetIn(setting.client, setting.name),
      { name: "items" },
      Buffer.concat([bytes, lost]),
    );
    const before = await all(setting);
    const run = bodyOf(async (database) => {
      const items = database.collection("items");
      for (const found of await items.find().toArray()) {
        await items.replaceOne({ _id: found["_id"] }, { ...found });
      }
    });
    expect(await runSchemaSteps(await runOptions(setting, 1, run))).toMatchObject({ kind: "done" });
    expect(await all(setting)).toEqual(before);
  });

  test("changed: what is new has plain types, what moved with its object keeps its own", async () => {
    const setting = await createSetting();
    await setting.client
      .db(setting.name)
      .collection("items")
      .insertOne(whole(1) as never);
    const run = bodyOf(async (database) => {
      const items = database.collection("items");
      const found = await items.findOne({ _id: 1 as never });
      if (!found) throw new Error("expected a document");
      const { _id, long: _long, list, ...rest } = found;
      const moved = { ...rest, long: 6, list: list.slice(1), copy: rest["nested"] };
      const result = await items.replaceOne({ _id }, moved);
      expect(result).toMatchObject({ matchedCount: 1, modifiedCount: 1 });
    });
    expect(await runSchemaSteps(await runOptions(setting, 1, run))).toMatchObject({ kind: "done" });
    const { _id, long: _long, list, ...rest } = whole(1);
    const expected = { _id, ...rest, long: 6, list: list.slice(1), copy: rest.nested };
    expect(await all(setting)).toEqual([hex(expected)]);
  });
});

describe("a document that a validator refuses is named", () => {
  const writes: Readonly<Record<string, (database: StepDatabase) => Promise<unknown>>> = {
    insertOne: (database) => database.collection("items").insertOne({ _id: 7, n: -1 }),
    insertMany: (database) =>
      database.collection("items").insertMany([
        { _id: 6, n: 1 },
        { _id: 7, n: -1 },
      ]),
    updateOne: (database) =>
      database.collection("items").updateOne({ was: 7 }, { $set: { n: -1 } }),
    updateMany: (database) => database.collection("items").updateMany({}, [{ $set: { n: "$to" } }]),
    replaceOne: (database) => database.collection("items").replaceOne({ was: 7 }, { n: -1 }),
  };
  test.each(Object.keys(writes))("%s", async (kind) => {
    const setting = await createSetting();
    const database = setting.client.db(setting.name);
    await database.createCollection("items", { validator: { n: { $gte: 0 } } });
    const id = kind.startsWith("insert") ? 1 : 7;
    const rows = [
      { _id: 0, n: 0, to: 1 },
      { _id: id, was: id, n: 0, to: -1 },
    ];
    await database.collection("items").insertMany(rows as never[]);
    const before = await all(setting);
    const run = bodyOf(async (within) => void (await writes[kind]?.(within)));
    expect(await runSchemaSteps(await runOptions(setting, 1, run))).toMatchObject({
      kind: "failed",
      reason: {
        code: "step-failed",
        message: expect.stringMatching(/"items" refuses document 7, .*Document failed validation/),
        details: { collection: "items", documents: [{ id: "7" }] },
      },
    });
    expect(await all(setting)).toEqual(before);
  });
});
