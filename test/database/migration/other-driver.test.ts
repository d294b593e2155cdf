// Aim: a step uses values of the application's own copy of the driver, although Lockstep runs on another one. Method:
// each kind of value of the driver of the other major version, in each place of each operation, on the real set.
import * as ownDriver from "mongodb";
import { BSON, ReadConcern } from "mongodb";
import { describe, expect, test } from "vitest";
import { readOnly } from "../../../src/agent/read-only-database.ts";
import type { SchemaRunOptions } from "../../../src/database/migration/runner.ts";
import type { SchemaContext } from "../../../src/database/migration/schema-context.ts";
import { runSchemaSteps } from "../../../src/database/migration/schema-steps.ts";
import { elementsOf } from "../../../src/mongo/bson/elements.ts";
import { ownValues } from "../../../src/mongo/bson/own-values.ts";
import { otherDriver } from "../../support/other-driver.ts";
import { createSetting, runOptions } from "../setting.ts";
import { updateOf } from "./changed-document.ts";

const hex24 = "0123456789abcdef01234567";

/** One value of each kind of a driver. */
const valuesOf = (driver: typeof otherDriver) => ({
  binary: new driver.Binary(Buffer.from("bytes"), 5),
  uuid: new driver.UUID("0123456789abcdef0123456789abcdef"),
  regExp: new driver.BSONRegExp("^a", "i"),
  symbol: new driver.BSONSymbol("s"),
  code: new driver.Code("x"),
  scoped: new driver.Code("x", { at: new driver.ObjectId(hex24) }),
  reference: new driver.DBRef("flights", new driver.ObjectId(hex24), "db", {
    more: new driver.Int32(1),
  }),
  decimal: driver.Decimal128.fromString("1.10"),
  double: new driver.Double(-0),
  int: new driver.Int32(5),
  long: driver.Long.fromString("9007199254740993"),
  most: new driver.MaxKey(),
  least: new driver.MinKey(),
  id: new driver.ObjectId(hex24),
  time: new driver.Timestamp({ t: 4_000_000_000, i: 2 }),
});

const own = valuesOf(ownDriver);
const other = valuesOf(otherDriver);
const hex = (document: object) => Buffer.from(BSON.serialize(document)).toString("hex");

describe("a value of another copy of the driver", () => {
  test("the other copy is of another major version, which this driver refuses", () => {
    expect(() => BSON.serialize(other)).toThrow("Unsupported BSON version");
  });

  test.each(Object.keys(own) as (keyof typeof own)[])("%s", (name) => {
    expect(hex({ v: ownValues(other[name]) })).toBe(hex({ v: own[name] }));
  });

  test("in documents, arrays, Maps, instances of classes and what toBSON returns", () => {
    class Order {
      readonly nested = { list: [1, other.id, undefined] };
    }
    const map = new Map([["b", other.long]]);
    const given = { order: new Order(), map, lazy: { toBSON: () => [other.decimal] }, n: 1 };
    const written = hex(ownValues(given) as object);
    const nested = { list: [1, own.id, undefined] };
    expect(written).toBe(
      hex({ order: { nested }, map: { b: own.long }, lazy: [own.decimal], n: 1 }),
    );
  });

  test("without such a value, the object stays the same one", () => {
    const circle: Record<string, unknown> = { at: new Date(0), text: /x/, ...own, n: Number.NaN };
    circle["self"] = [circle];
    expect(ownValues(circle)).toBe(circle);
    const field = { _bsontype: "ObjectId", id: "a field of this name" };
    expect(ownValues(field)).toBe(field);
  });
});

test.each(["plain", "bson"] as const)("what a step's function returns: %s", (types) => {
  const bytes = BSON.serialize({ _id: 1, same: own.id, list: [own.long], double: own.double });
  const elements = elementsOf(bytes);
  const change = () => ({
    $set: { ...other, same: other.id, nested: { deep: [other.decimal] } },
    $push: { list: { $each: [other.id], $position: new otherDriver.Int32(0) } },
    $inc: { double: other.long },
  });
  const set = { ...own, same: own.id, nested: { deep: [own.decimal] } };
  const push = { list: { $each: [own.id], $position: new ownDriver.Int32(0) } };
  const expected = { $set: set, $push: push, $inc: { double: own.long } };
  const update = updateOf(elements, change, types)?.value ?? new Uint8Array();
  expect(Buffer.from(update).toString("hex")).toBe(hex(expected));
});

const everywhere = async (context: SchemaContext): Promise<void> => {
  const { id, int, long, decimal, double } = other;
  await context.addCollection("prices", { validator: { price: { $ne: decimal } } });
  await context.setValidator("prices", { price: { $ne: long } });
  await context.addIndex("items", [["price", int]] as never, {
    name: "cheap",
    partialFilterExpression: { price: { $lt: long } },
  });
  await context.applyToCollection("items", {
    filter: { _id: id },
    update: [{ $set: { long, literal: { $literal: decimal } } }],
  });
  await context.applyToCollection("items", {
    filter: { _id: id },
    change: () => ({ $set: { nested: { id, double } } }),
  });
  await context.transaction(async (database) => {
    const items = database.collection("items");
    await items.insertOne({ _id: 2, at: id });
    await items.insertMany([{ _id: 3, at: id }]);
    await items.updateOne({ at: id, _id: 2 }, { $set: { decimal } });
    await items.updateMany({ at: id }, [{ $set: { long } }]);
    const [found] = await items.find({ _id: id }).toArray();
    expect(await items.findOne({ _id: id })).toEqual(found);
    await items.replaceOne({ _id: id }, { ...found, again: id, count: found?.["count"] });
    await items.insertOne({ _id: 4, at: decimal });
    await items.deleteOne({ at: decimal });
    await items.insertOne({ _id: 5, at: decimal });
    await items.deleteMany({ at: { $in: [decimal] } });
    expect(await items.countDocuments({ at: id })).toBe(2);
    expect(await items.distinct("_id", { at: id })).toEqual([2, 3]);
    expect(await items.aggregate([{ $match: { at: id } }]).toArray()).toHaveLength(2);
  });
};

test("each operation of a step", async () => {
  const setting = await createSetting();
  const items = setting.client.db(setting.name).collection("items");
  await items.insertOne({ _id: own.id, count: own.long });
  const steps: SchemaRunOptions["steps"] = [{ name: "one", run: everywhere }];
  const run = await runSchemaSteps(await runOptions(setting, 1, steps));
  expect(run).toMatchObject({ kind: "done" });
  const raw = { raw: true, readConcern: new ReadConcern("majority") };
  const rows = (await items.find({}, raw).toArray()) as unknown as readonly Uint8Array[];
  const { id, long, decimal, double } = own;
  const nested = { id, double };
  expect(rows.map((bytes) => Buffer.from(bytes).toString("hex")).toSorted()).toEqual(
    [
      hex({ _id: id, count: long, long, literal: decimal, nested, again: id }),
      hex({ _id: 2, at: id, decimal, long }),
      hex({ _id: 3, at: id, long }),
    ].toSorted(),
  );
});

async function arrayOf(found: AsyncIterable<unknown>): Promise<readonly unknown[]> {
  const all: unknown[] = [];
  for await (const each of found) all.push(each);
  return all;
}

test("the view of a readiness check", async () => {
  const { client, name } = await createSetting();
  await client.db(name).collection("items").insertOne({ _id: own.id, price: own.decimal });
  const view = readOnly(client.db(name), new AbortController().signal, 10_000);
  const filter = { _id: other.id, price: other.decimal };
  const options = { projection: { price: other.int } };
  expect(await arrayOf(view.find("items", filter, options))).toHaveLength(1);
  expect(await view.count("items", filter)).toBe(1);
  expect(await view.distinct("items", "_id", filter)).toEqual([own.id]);
  expect(await arrayOf(view.aggregate("items", [{ $match: filter }]))).toHaveLength(1);
});
