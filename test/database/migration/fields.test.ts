// Aim: a renamed field is a `$rename`, per element where that has one meaning; everything else is refused before
// anything is written. Method: the real set; documents beside what the server's own operator makes of them.

import { Decimal128, Double, Long } from "mongodb";
import { describe, expect, test } from "vitest";
import type { SchemaRunOptions } from "../../../src/database/migration/runner.ts";
import { runSchemaSteps } from "../../../src/database/migration/schema-steps.ts";
import { documentOf, type RawElement } from "../../../src/mongo/bson/elements.ts";
import { insertRaw } from "../../../src/mongo/bson/raw-insert.ts";
import { element, int32, string } from "../odd-values.ts";
import { createSetting, dyingFaultPoints, runOptions, type Setting, targetIn } from "../setting.ts";

type Run = SchemaRunOptions["steps"][number]["run"];
const steps = (run: Run): SchemaRunOptions["steps"] => [{ name: "one", run }];
const rename =
  (from: string, to: string): Run =>
  (context) =>
    context.renameField("items", from, to);
const remove =
  (field: string): Run =>
  (context) =>
    context.removeField("items", field);

async function raws({ client, name }: Setting, collection = "items"): Promise<readonly string[]> {
  const found = client.db(name).collection(collection).find({}, { raw: true }).sort({ _id: 1 });
  return ((await found.toArray()) as unknown as Uint8Array[]).map((bytes) =>
    Buffer.from(bytes).toString("hex"),
  );
}

const items = ({ client, name }: Setting) => client.db(name).collection<{ _id: number }>("items");

/** Runs a step on a collection of these documents; the first has the id 1. */
async function runOn(documents: readonly object[], run: Run) {
  const setting = await createSetting();
  await items(setting).insertMany(documents.map((document, n) => ({ _id: n + 1, ...document })));
  const before = await raws(setting);
  const result = await runSchemaSteps(await runOptions(setting, 1, steps(run)));
  return { setting, before, result };
}

const values = [
  Long.fromNumber(5),
  new Double(5),
  Decimal128.fromString("5.0"),
  null,
  [1, 2],
  { b: 1 },
];

describe("as $rename does it", () => {
  const paths: readonly (readonly [string, string, readonly object[]])[] = [
    ["a", "b", values.map((a) => ({ x: 1, a, y: 2 }))],
    ["a.b", "a.c", values.map((b) => ({ a: { b, d: 1 }, y: 2 }))],
    [
      "a",
      "b.c",
      [
        { a: 1, y: 2 },
        { a: 1, b: {} },
        { b: { d: 1 }, a: 2 },
      ],
    ],
    [
      "a.b",
      "c",
      [{ a: { b: 1 } }, { a: { b: { c: 1 } } }, { a: {} }, { a: 5 }, { a: [5] }, { y: 1 }],
    ],
    ["a.b.c", "a.d.e", [{ a: { b: { c: 1 } } }, { a: { b: { c: 1 }, d: { f: 1 } } }]],
    ["a.0", "a.1", [{ a: { 0: 5 } }]],
    ["a", "b.0", [{ a: 1 }, { a: 1, b: {} }]],
    ["a._id", "b", [{ a: { _id: 1 } }]],
  ];
  test.each(paths)("%s to %s", async (from, to, documents) => {
    const { setting, result } = await runOn(documents, rename(from, to));
    expect(result.kind).toBe("done");
    const database = setting.client.db(setting.name);
    const beside = database.collection<{ _id: number }>("beside");
    await beside.insertMany(documents.map((document, n) => ({ _id: n + 1, ...document })));
    await beside.updateMany({ [from]: { $exists: true } }, { $rename: { [from]: to } });
    expect(await raws(setting)).toEqual(await raws(setting, "beside"));
  });
});

describe("in each element of an array", () => {
  test.each<[string, string, object, object]>([
    [
      "items.old",
      "items.new",
      { items: [{ old: 1 }, { old: 2 }] },
      { items: [{ new: 1 }, { new: 2 }] },
    ],
    [
      "items.old",
      "items.new",
      { z: 1, items: [{ old: 1, x: 1 }, { x: 2 }, 5, null, { new: 3 }], y: 2 },
      { z: 1, items: [{ x: 1, new: 1 }, { x: 2 }, 5, null, { new: 3 }], y: 2 },
    ],
    [
      "a.old",
      "a.new",
      { a: [[{ old: 1 }], [[{ old: 2 }]], []] },
      { a: [[{ new: 1 }], [[{ new: 2 }]], []] },
    ],
    [
      "a.b.old",
      "a.b.new",
      { a: [{ b: [{ old: 1 }] }, { b: { old: 2 } }] },
      { a: [{ b: [{ new: 1 }] }, { b: { new: 2 } }] },
    ],
    ["a.b.old", "a.b.new", { a: { b: [{ old: [1] }] } }, { a: { b: [{ new: [1] }] } }],
    ["a.b", "a.c.d", { a: [{ b: 1 }, { b: 2, c: {} }] }, { a: [{ c: { d: 1 } }, { c: { d: 2 } }] }],
  ])("%s to %s in %j", async (from, to, document, expected) => {
    const { setting, result } = await runOn([document], rename(from, to));
    expect(result.kind).toBe("done");
    const found = await items(setting).find().project({ _id: 0 }).toArray();
    expect(JSON.stringify(found)).toBe(JSON.stringify([expected]));
    const back = await runSchemaSteps(
      await runOptions(setting, 2, steps(remove(to)), { upgradeId: "u000003" }),
    );
    expect(back.kind).toBe("done");
    expect(await items(setting).countDocuments({ [to]: { $exists: true } })).toBe(0);
  });

  test("types of what lies beside stay", async () => {
    const document = {
      a: [{ old: Long.fromNumber(5), b: new Double(5), c: [Long.fromNumber(1)] }],
    };
    const { setting, result } = await runOn([document], rename("a.old", "a.new"));
    expect(result.kind).toBe("done");
    expect(
      await items(setting).countDocuments({
        "a.new": { $type: "long" },
        "a.b": { $type: "double" },
        "a.c": { $type: "long" },
      }),
    ).toBe(1);
  });
});

describe("refused before anything is written", () => {
  const refused: readonly (readonly [string, Run, object, RegExp])[] = [
    ["a scalar on the way", rename("b", "a.c"), { a: "keep", b: 5 }, /"a" is no document: 2/],
    ["a null on the way", rename("b", "a.c"), { a: null, b: 5 }, /"a" is no document: 2/],
    [
      "a scalar deep on the way",
      rename("b", "a.c.d"),
      { a: { c: 1 }, b: 5 },
      /"c" is no document: 2/,
    ],
    ["an array on the way", rename("b", "a.c"), { a: [{}], b: 5 }, /"a" is an array: 2/],
    ["out of an array", rename("a.b", "c"), { a: [{ b: 1 }] }, /"a" is an array: 2/],
    ["out of an array of arrays", rename("a.b", "c"), { a: [[{ b: 1 }]] }, /"a" is an array: 2/],
    [
      "from one array to another",
      rename("a.b", "c.b"),
      { a: [{ b: 1 }], c: [{}] },
      /"a" is an array: 2/,
    ],
    [
      "an array within the elements",
      rename("a.b.c", "a.d"),
      { a: [{ b: [{ c: 1 }] }] },
      /"b" is an array: 2/,
    ],
    ["both fields", rename("a", "b"), { a: 1, b: null }, /both "a" and "b": 2/],
    [
      "both fields in an element",
      rename("a.b", "a.c"),
      { a: [{ b: 1 }, { b: 1, c: 1 }] },
      /both "a.b" and "a.c": 2/,
    ],
    [
      "an index of an array",
      rename("a.0", "a.1"),
      { a: [1, 2] },
      /"0" may be an index of an array: 2/,
    ],
    [
      "an index on the way",
      rename("a.0.b", "a.0.c"),
      { a: [{ b: 1 }] },
      /"0" may be an index of an array: 2/,
    ],
    [
      "a name like an index in elements",
      rename("a.5", "a.b"),
      { a: [{ 5: 1 }] },
      /"5" may be an index/,
    ],
    ["a new name like an index", rename("a.b", "a.0"), { a: [{ b: 1 }] }, /"0" may be an index/],
    ["an index, removed", remove("a.0"), { a: [1, 2] }, /"0" may be an index of an array: 2/],
    ["an index on the way, removed", remove("a.0.b"), { a: [{ b: 1 }] }, /"0" may be an index/],
  ];
  test.each(refused)("%s", async (_what, run, document, words) => {
    const { setting, before, result } = await runOn([{ plain: 1 }, document, { x: 1 }], run);
    expect(result).toMatchObject({
      kind: "failed",
      reason: {
        code: "schema-conflict",
        message: expect.stringMatching(words),
        details: { documents: [{ id: "2" }] },
      },
    });
    expect(await raws(setting)).toEqual(before);
  });

  const unclear: Readonly<Record<string, Run>> = {
    "one within the other": rename("a", "a.b"),
    "one around the other": rename("a.b", "a"),
    "the same": rename("a", "a"),
    "an empty part": rename("a.", "b"),
    "an operator": rename("a.$[]", "b"),
    "part of _id": rename("_id.a", "b"),
    "into _id": rename("a", "_id.b"),
    "part of _id, removed": remove("_id.a"),
  };
  test.each(Object.entries(unclear))("%s", async (_what, run) => {
    const { setting, before, result } = await runOn([{ a: 5 }], run);
    expect(result).toMatchObject({ kind: "failed", reason: { code: "bad-argument" } });
    expect(await raws(setting)).toEqual(before);
  });

  test("a document that is late in the collection; at most ten are named", async () => {
    const documents = Array.from({ length: 2_100 }, (_, n) => ({
      a: 1,
      ...(n >= 2_050 ? { b: 1 } : {}),
    }));
    const { setting, before, result } = await runOn(documents, rename("a", "b.c"));
    const named = Array.from({ length: 10 }, (_, n) => ({ id: String(2_051 + n) }));
    expect(result).toMatchObject({ reason: { details: { documents: named } } });
    expect(await raws(setting)).toEqual(before);
  });

  test("a name that is there twice, and a document that would be too large", async () => {
    const setting = await createSetting();
    const twice = (name: string) => [element(name, 16, int32(1)), element(name, 16, int32(2))];
    const documents: readonly (readonly RawElement[])[] = [
      [element("_id", 16, int32(1)), ...twice("a")],
      [
        element("_id", 16, int32(2)),
        element("a", 16, int32(1)),
        ...twice("other"),
        element("a.b", 8, [1]),
      ],
      [
        element("_id", 16, int32(3)),
        element("a", 2, string(Buffer.alloc(16 * 1024 * 1024 - 24, 65))),
      ],
    ];
    for (const document of documents) {
      await insertRaw(
        targetIn(setting.client, setting.name),
        { name: "items" },
        documentOf(document),
      );
    }
    const run = rename("a", "longer");
    const result = await runSchemaSteps(await runOptions(setting, 1, steps(run)));
    expect(result).toMatchObject({
      reason: { details: { documents: [{ id: "1" }, { id: "3" }] } },
    });
    expect(JSON.stringify(result)).toMatch(/is there twice.*bytes afterwards/);
    await items(setting).deleteMany({ _id: { $ne: 2 } });
    const again = await runOptions(setting, 2, steps(run), { upgradeId: "u000003" });
    expect((await runSchemaSteps(again)).kind).toBe("done");
    const [kept] = await raws(setting);
    const expected = [
      element("_id", 16, int32(2)),
      ...twice("other"),
      element("a.b", 8, [1]),
      element("longer", 16, int32(1)),
    ];
    expect(kept).toBe(Buffer.from(documentOf(expected)).toString("hex"));
  });
});

test("a successor goes on in the middle: what is renamed already is not judged again", async () => {
  const setting = await createSetting();
  await items(setting).insertMany(
    Array.from({ length: 2_500 }, (_, n) => ({ _id: n, a: [{ old: n }, { new: n }] })),
  );
  const run = steps(rename("a.old", "a.new"));
  const faultPoints = dyingFaultPoints(4, "after");
  await runSchemaSteps(await runOptions(setting, 1, run, { faultPoints })).catch(() => {});
  const half = await items(setting).countDocuments({ "a.old": { $exists: true } });
  expect(half).toBeGreaterThan(0);
  expect(half).toBeLessThan(2_500);
  const result = await runSchemaSteps(await runOptions(setting, 2, run));
  expect(result).toMatchObject({ kind: "done", documents: 2_500 });
  const isDone = { $expr: { $eq: ["$a", [{ new: "$_id" }, { new: "$_id" }]] } };
  expect(await items(setting).countDocuments(isDone)).toBe(2_500);
});
