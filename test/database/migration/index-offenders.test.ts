// Aim: the server decides whether the data allows an index, and where it does not, the documents at fault are
// named. Method: the real set; each kind of index with documents that it refuses, or that only look as if it did.
import type { Document } from "mongodb";
import { expect, test } from "vitest";
import type { SchemaRunOptions } from "../../../src/database/migration/runner.ts";
import type { IndexKeys, IndexOptions } from "../../../src/database/migration/schema-context.ts";
import { runSchemaSteps } from "../../../src/database/migration/schema-steps.ts";
import { createSetting, runOptions } from "../setting.ts";

type Index = readonly [keys: Document, options?: Partial<IndexOptions>];

/** Adds an index by a step to a new collection that holds these documents; all share one database. */
async function createAdder() {
  const setting = await createSetting();
  const database = setting.client.db(setting.name);
  let asked = 0;
  return async (documents: readonly Document[], [keys, given = {}]: Index, create: object = {}) => {
    asked += 1;
    const name = `items${asked}`;
    const upgradeId = `u${asked}`;
    const items = await database.createCollection(name, create);
    await items.insertMany([...documents], { ignoreUndefined: false });
    const before = await database.listCollections({}, { nameOnly: true }).toArray();
    const run: SchemaRunOptions["steps"][number]["run"] = (context) =>
      context.addIndex(name, keys as IndexKeys, { name: "it", ...given });
    const steps = [{ name: "one", run }];
    const result = await runSchemaSteps(await runOptions(setting, asked, steps, { upgradeId }));
    expect(await database.listCollections({}, { nameOnly: true }).toArray()).toEqual(before);
    expect(await items.indexes()).toHaveLength(result.kind === "done" ? 2 : 1);
    return result;
  };
}

const unique = { unique: true };

const allowed: Readonly<Record<string, readonly [readonly Document[], Index]>> = {
  "an element by its place": [
    [{ a: [1] }, { a: [2] }],
    [{ "a.0": 1 }, unique],
  ],
  "a field of an element by its place": [
    [{ a: [{ b: 1 }, { b: 9 }] }, { a: [{ b: 2 }, { b: 9 }] }],
    [{ "a.0.b": 1 }, unique],
  ],
  "a field whose name is a number": [
    [{ a: { 0: 1 } }, { a: { 0: 2 } }],
    [{ "a.0": 1 }, unique],
  ],
  "a reference by its id": [
    [{ a: { $ref: "b", $id: 1 } }, { a: { $ref: "b", $id: 2 } }],
    [{ "a.$id": 1 }, unique],
  ],
  "words twice in one document": [
    [{ a: "x x" }, { a: "y" }],
    [{ a: "text" }, unique],
  ],
};

test("the server builds what only looks as if a value occurred twice", async () => {
  const add = await createAdder();
  for (const [what, [documents, index]] of Object.entries(allowed)) {
    expect(await add(documents, index), what).toMatchObject({ kind: "done" });
  }
});

const values: Readonly<
  Record<
    string,
    readonly [readonly Document[], Index, value: Document, ids?: string[], create?: object]
  >
> = {
  "an element by its place": [
    [
      { _id: "x", a: [3, 1] },
      { _id: "1", a: [1] },
      { _id: "2", a: [1, 2] },
    ],
    [{ "a.0": 1 }, unique],
    { "a.0": 1 },
  ],
  "elements that are no documents": [
    [
      { _id: "1", a: [1, { b: 1 }] },
      { _id: "2", a: [2, { b: 2 }] },
    ],
    [{ "a.b": 1 }, unique],
    { "a.b": null },
  ],
  "arrays in arrays": [
    [
      { _id: "1", a: [[{ b: 1 }]] },
      { _id: "2", a: [[{ b: 2 }]] },
    ],
    [{ "a.b": 1 }, unique],
    { "a.b": null },
  ],
  "an array without elements, and nothing": [
    [{ _id: "1", a: [] }, { _id: "2" }, { _id: "x", a: [{ b: 1 }] }],
    [{ "a.b": 1 }, unique],
    { "a.b": null },
  ],
  "two arrays without elements": [
    [{ _id: "1", a: [] }, { _id: "2", a: [] }, { _id: "x" }],
    [{ a: 1 }, unique],
    { a: [] },
  ],
  "pairs of one element": [
    [
      ...[
        {
          _id: "1",
          a: [
            { b: 1, c: 2 },
            { b: 3, c: 4 },
          ],
        },
        { _id: "2", a: { b: 3, c: 4 } },
      ],
      {
        _id: "x",
        a: [
          { b: 3, c: 9 },
          { b: 8, c: 4 },
        ],
      },
    ],
    [{ "a.b": 1, "a.c": 1 }, unique],
    { "a.b": 3, "a.c": 4 },
  ],
  "elements by a collation": [
    [
      { _id: "1", a: ["b"] },
      { _id: "2", a: ["B", "c"] },
      { _id: "x", a: ["d"] },
    ],
    [{ a: 1 }, { ...unique, collation: { locale: "en", strength: 2 } }],
    { a: expect.any(String) },
  ],
  "elements by the collation that the index inherits": [
    [
      { _id: "1", a: ["b"] },
      { _id: "2", a: ["B"] },
    ],
    [{ a: 1 }, unique],
    { a: expect.any(String) },
    ["1", "2"],
    { collation: { locale: "en", strength: 2 } },
  ],
  "an array that is an element": [
    [
      { _id: "1", a: [[1]] },
      { _id: "2", a: [[1], 5] },
      { _id: "x", a: [1] },
    ],
    [{ a: 1 }, unique],
    { a: [1] },
  ],
  "words after a value": [
    [
      { _id: "1", a: "w", c: 1 },
      { _id: "2", a: "w", c: 1 },
      { _id: "x", a: "w", c: 2 },
    ],
    [{ c: 1, a: "text" }, unique],
    expect.objectContaining({ c: 1 }) as Document,
  ],
  "places on the earth": [
    [
      { _id: "1", a: [1, 1] },
      { _id: "2", a: [1, 1] },
      { _id: "x", a: [2, 2] },
    ],
    [{ a: "2dsphere" }, unique],
    expect.anything() as Document,
  ],
  "within a partial index": [
    [
      { _id: "1", a: [5], p: 1 },
      { _id: "2", a: [5], p: 1 },
      { _id: "x", a: [5] },
    ],
    [{ a: 1 }, { ...unique, partialFilterExpression: { p: 1 } }],
    { a: 5 },
  ],
  "three of one value among others": [
    [
      { _id: "1", a: [5, 6] },
      { _id: "2", a: [5, 7] },
      { _id: "3", a: [5] },
      { _id: "x", a: [6] },
    ],
    [{ a: 1 }, unique],
    { a: 5 },
    ["1", "2", "3"],
  ],
};

test("the documents of a value that a unique index refuses are named", async () => {
  const add = await createAdder();
  for (const [what, [documents, index, value, ids, create]] of Object.entries(values)) {
    const duplicates = [{ value, documents: ids ?? ["1", "2"] }];
    expect(await add(documents, index, create), what).toMatchObject({
      kind: "failed",
      reason: { code: "schema-conflict", details: { duplicates } },
    });
  }
});

const good = { type: "Point", coordinates: [1, 2] };
const bad = { type: "Point", coordinates: [500, 500] };

const refused: Readonly<Record<string, readonly [Document, Document, Index, RegExp]>> = {
  "parallel arrays": [{ a: [1], b: 1 }, { a: [1], b: [2] }, [{ a: 1, b: 1 }], /parallel arrays/],
  "parallel arrays of one element": [
    { a: [{ b: [1] }, { c: [1] }] },
    { a: [{ b: [1], c: [2] }] },
    [{ "a.b": 1, "a.c": 1 }],
    /parallel arrays/,
  ],
  "parallel arrays of a unique index": [
    { a: [7] },
    { a: [1], b: [2] },
    [{ a: 1, b: 1 }, unique],
    /parallel arrays/,
  ],
  "an array to hash": [{ a: 1 }, { a: [1] }, [{ a: "hashed" }], /array values/],
  "an array to hash a field of": [
    { a: { b: 1 } },
    { a: [{ b: 1 }] },
    [{ "a.b": "hashed" }],
    /array/,
  ],
  "an array beside what is hashed": [{ a: 1 }, { a: [1] }, [{ a: 1, b: "hashed" }], /array values/],
  "a language of nobody's": [
    { a: "x", language: "german" },
    { a: "x", language: "klingon" },
    [{ a: "text" }],
    /klingon/,
  ],
  "a language deep below": [
    { a: [{ b: "x" }] },
    { a: [{ b: "x", language: "klingon" }] },
    [{ "a.b": "text" }],
    /klingon/,
  ],
  "a language that is a number": [
    { a: "x" },
    { a: "x", language: 5 },
    [{ a: "text" }],
    /non-string/,
  ],
  "a place that is none": [{ a: good }, { a: bad }, [{ a: "2dsphere" }], /out of bounds/],
  "a text for a place": [{ a: good }, { a: "x" }, [{ a: "2dsphere" }], /geo element/],
  "a point outside the plane": [{ a: [1, 1] }, { a: [500, 1] }, [{ a: "2d" }], /not in interval/],
  "half a point": [{ a: [1, 1] }, { a: [1] }, [{ a: "2d" }], /only has 1 element/],
};

const reasonOf = (result: Awaited<ReturnType<typeof runSchemaSteps>>, what?: string) => {
  if (result.kind !== "failed") throw new Error(`expected a failed step: ${what}`);
  const { code, message, details } = result.reason;
  const named = details["documents"] as { id: string }[] | undefined;
  return { code, message, ids: named?.map(({ id }) => id) };
};

test("documents that an index refuses for themselves are named", async () => {
  const add = await createAdder();
  for (const [what, [fine, odd, index, words]] of Object.entries(refused)) {
    const documents = Array.from({ length: 6 }, (_, n) => ({
      _id: `${n}` as never,
      ...(n % 3 === 1 ? odd : n === 0 || !index[1]?.unique ? fine : { a: n }),
    }));
    expect(reasonOf(await add(documents, index), what), what).toEqual({
      code: "schema-conflict",
      message: expect.stringMatching(words),
      ids: ["1", "4"],
    });
  }
});

test("the first ten are named, among documents of several batches", async () => {
  const add = await createAdder();
  const documents = Array.from({ length: 2_500 }, (_, n) => ({
    _id: n as never,
    a: n % 200 === 99 ? [n] : n,
  }));
  const { ids } = reasonOf(await add(documents, [{ a: "hashed" }]));
  expect(ids?.map(Number)).toEqual([99, 299, 499, 699, 899, 1099, 1299, 1499, 1699, 1899]);
});

test("an index that no server builds blames no document", async () => {
  const add = await createAdder();
  const reason = reasonOf(await add([{ a: 1 }], [{ a: "hashed" }, unique]));
  expect(reason).toMatchObject({ code: "step-failed", ids: undefined });
});
