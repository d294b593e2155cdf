// Aim: every way by which a pipeline reaches another collection is seen, however deep. Method: pipelines by hand.
import { describe, expect, test } from "vitest";
import { joinedBy, requireRead } from "../../../src/database/migration/step-reads.ts";

const pipelines: readonly (readonly [unknown, readonly string[]])[] = [
  [[{ $match: { from: "a" } }, { $group: { _id: "$into" } }], []],
  [[{ $lookup: { from: "a", as: "b", localField: "c", foreignField: "d" } }], ["a"]],
  [[{ $lookup: { as: "b", pipeline: [{ $documents: [] }] } }], []],
  [[{ $graphLookup: { from: "a", startWith: "$b", connectFromField: "c" } }], ["a"]],
  [[{ $unionWith: "a" }], ["a"]],
  [[{ $unionWith: { coll: "a", pipeline: [{ $unionWith: "b" }] } }], ["a", "b"]],
  [[{ $merge: "a" }], ["a"]],
  [[{ $merge: { into: "a", on: "_id" } }], ["a"]],
  [[{ $merge: { into: { db: "other", coll: "a" } } }], ["a"]],
  [[{ $out: "a" }], ["a"]],
  [[{ $out: { db: "other", coll: "a" } }], ["a"]],
  [
    [{ $facet: { x: [{ $lookup: { from: "a", as: "b" } }], y: [{ $unionWith: "c" }] } }],
    ["a", "c"],
  ],
  [
    [{ $lookup: { from: "a", pipeline: [{ $facet: { x: [{ $graphLookup: { from: "b" } }] } }] } }],
    ["a", "b"],
  ],
  [[new Map([["$lookup", new Map([["from", "a"]])]])], ["a"]],
];

describe("joinedBy", () => {
  test.each(pipelines)("%j joins %j", (pipeline, names) => {
    expect(joinedBy(pipeline)).toEqual(names);
  });
});

test("a step without reads may use any collection, one with reads only those", () => {
  expect(() => requireRead(undefined, "a")).not.toThrow();
  expect(() => requireRead(["a", "b"], "b")).not.toThrow();
  for (const reads of [[], ["a"]]) {
    expect(() => requireRead(reads, "b")).toThrow(
      expect.objectContaining({ code: "bad-argument", details: { collection: "b", reads } }),
    );
  }
});
