// Aim: an argument of the wrong type or shape, as plain JavaScript may give it, is a bad-argument before the operation
// begins, and a right one passes. Method: a context that only notes its calls.
import { Double, Int32, Long } from "mongodb";
import { expect, test } from "vitest";
import type { SchemaContext } from "../../../src/database/migration/schema-context.ts";
import {
  requireCollectionName,
  withArgumentsJudged,
} from "../../../src/database/migration/step-arguments.ts";

const called: string[] = [];
const context = withArgumentsJudged(
  new Proxy({} as SchemaContext, {
    get: (_target, name) => async () => {
      called.push(String(name));
    },
  }),
) as unknown as Record<string, (...given: unknown[]) => Promise<void>>;

const noNames = [undefined, null, 5, "", [], ["a"], {}, "a\0b", "a$b", Symbol("a"), "\ud800"];
const noFields = [undefined, null, 5, "", [], ["a"], {}, "a..b", ".a", "a.", "$a", "a.$b", "_id"];
const noObjects = [null, 5, "a", [], true];
const noKeys = [undefined, ...noObjects, {}, { a: 0 }, { a: null }, { a: "" }, { "": 1 }, [["a"]]];
const noOptions = [
  ...[undefined, ...noObjects, {}, { name: "" }, { name: 5 }, { name: "*" }],
  ...[{ unique: "yes" }, { sparse: null }, { expireAfterSeconds: "5" }, { collation: "de" }].map(
    (option) => ({ name: "it", ...option }),
  ),
  ...[{ partialFilterExpression: [] }, { weights: 3 }, { default_language: 5 }].map((option) => ({
    name: "it",
    ...option,
  })),
];
const noApplications = [
  ...[undefined, ...noObjects, {}, { update: {} }, { update: ["a"] }, { change: {} }],
  ...[
    { update: [], change: () => null },
    { update: [], filter: "a" },
    { change: () => null, types: "x" },
  ],
];

const refused: readonly (readonly [string, ...unknown[]])[] = [
  ...noNames.flatMap((name) => [
    ["addCollection", name] as const,
    ["dropCollection", name] as const,
    ["renameCollection", "a", name] as const,
    ["renameCollection", name, "a"] as const,
    ["setValidator", name, null] as const,
    ["addIndex", name, { a: 1 }, { name: "a" }] as const,
    ["dropIndex", name, "a"] as const,
    ["renameField", name, "a", "b"] as const,
    ["removeField", name, "a"] as const,
    ["applyToCollection", name, { update: [] }] as const,
  ]),
  ...noFields.flatMap((field) => [
    ["renameField", "items", field, "a"] as const,
    ["renameField", "items", "a", field] as const,
    ["removeField", "items", field] as const,
  ]),
  ...[undefined, null, 5, "", []].map((name) => ["dropIndex", "items", name] as const),
  ...noKeys.map((keys) => ["addIndex", "items", keys, { name: "a" }] as const),
  ...noOptions.map((options) => ["addIndex", "items", { a: 1 }, options] as const),
  ...noObjects.map((options) => ["addCollection", "items", options] as const),
  ["addCollection", "items", { validator: [] }],
  ["addCollection", "items", { validationLevel: "some" }],
  // No step may touch such a collection.
  ["addCollection", "items", { capped: true, size: 4_096 }],
  ["addCollection", "items", { timeseries: { timeField: "t" } }],
  ["addCollection", "items", { viewOn: "other", pipeline: [] }],
  // A validator that was forgotten would remove the one that is there.
  ...[undefined, 5, "a", []].map((validator) => ["setValidator", "items", validator] as const),
  ["setValidator", "items", {}, null],
  ["setValidator", "items", {}, { level: "some" }],
  ["setValidator", "items", {}, { action: 5 }],
  ...noApplications.map((application) => ["applyToCollection", "items", application] as const),
  ...[undefined, null, "a", {}].map((body) => ["transaction", body] as const),
];

test("an argument of the wrong type or shape is refused before the operation begins", () => {
  called.length = 0;
  for (const [operation, ...given] of refused) {
    const act = () => context[operation]?.(...given);
    expect(act, `${operation} ${given.map(String)}`).toThrow(
      expect.objectContaining({ code: "bad-argument" }),
    );
  }
  expect(() => requireCollectionName("transaction", 5)).toThrow(/expected the name.*got 5/);
  expect(called).toEqual([]);
});

const passed: readonly (readonly [string, ...unknown[]])[] = [
  ["addCollection", "ü.%41 \n"],
  ["addCollection", "a", { validator: undefined, validationLevel: "off" }],
  ["dropCollection", "a"],
  ["renameCollection", "a", "b"],
  ["setValidator", "a", null],
  ["setValidator", "a", {}, { level: "moderate", action: undefined }],
  ["addIndex", "a", { "a.0": 1, b: "text" }, { name: "a", unique: undefined, hidden: 1 }],
  ["addIndex", "a", [["0", -1]], { name: "a", expireAfterSeconds: new Int32(5), v: 2 }],
  ["addIndex", "a", { a: Long.fromNumber(1), b: new Double(-1) }, { name: "a" }],
  ["addIndex", "a", { "$**": 1 }, { name: "a", wildcardProjection: { a: 1 } }],
  ["dropIndex", "a", "*"],
  ["renameField", "a", "b.0", "_ide"],
  ["removeField", "a", "b._id"],
  ["applyToCollection", "a", { update: [{ $set: { a: 1 } }], filter: { a: 1 } }],
  ["applyToCollection", "a", { change: () => null, types: "bson", filter: undefined }],
  ["transaction", async () => {}],
];

test("a right argument passes", async () => {
  called.length = 0;
  for (const [operation, ...given] of passed) await context[operation]?.(...given);
  expect(called).toEqual(passed.map(([operation]) => operation));
});
