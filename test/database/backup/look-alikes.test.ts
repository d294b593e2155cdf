// Aim: a definition that stock mongorestore cannot read from a metadata file is found, and no other one. Method: a
// table of literals, each tried with mongorestore 100.
import { BSON, Double, Int32, Long, ObjectId } from "mongodb";
import { expect, test } from "vitest";
import { lookAlikes } from "../../../src/database/backup/look-alikes.ts";
import { definitionOf } from "../../../src/mongo/catalogue/definition.ts";

const definition = (held: object) => definitionOf(BSON.serialize(held, { ignoreUndefined: false }));
const entry = (name: string, options: object, ...indexes: object[]) => ({
  ...{ name, options: definition(options), indexes: indexes.map(definition) },
});
const withLiteral = (literal: unknown) => ({
  validator: { $expr: { $in: ["$a", [{ $literal: literal }]] } },
});

test.each([
  { $oid: "x" },
  { $oid: "x", a: 5 },
  { $numberLong: new Long(5) },
  { $date: "q" },
  { $uuid: "x" },
  // These are read, and become another value.
  { $undefined: true },
  { $symbol: "x" },
  { $oid: "012345678901234567890123" },
  { deep: [{ $numberInt: "z" }] },
])("a literal that looks like Extended JSON: %j", (literal) => {
  expect(lookAlikes([entry("x", withLiteral(literal)), entry("y", {})])).toEqual(["x"]);
  const index = { key: { a: 1 }, name: "a", partialFilterExpression: { a: { $eq: literal } } };
  expect(lookAlikes([entry("x", {}, index)])).toEqual(["x"]);
});

test.each([
  { a: 1, $oid: "x" },
  { $regex: "a" },
  { $options: "i" },
  { $type: "string" },
  { $ref: "a", $id: 1 },
  "$oid",
  [new ObjectId(), new Long(5), new Int32(5), new Double(5), new Date(0), /a/, undefined, null],
])("a literal that does not: %j", (literal) => {
  expect(lookAlikes([entry("x", withLiteral(literal))])).toEqual([]);
});
