// Aim: a document keeps types and key order on its way through text. Method: every type of BSON there
// and back; keys that JavaScript would put elsewhere.
import { BSON } from "mongodb";
import { expect, test } from "vitest";
import { canonicalText, orderedDocument, parseCanonical } from "../../src/database/ordered-bson.ts";

const bytesOf = (pairs: readonly (readonly [string, unknown])[]) =>
  BSON.serialize(new Map(pairs), { ignoreUndefined: false });
const textOf = (pairs: readonly (readonly [string, unknown])[]) =>
  canonicalText(orderedDocument(bytesOf(pairs)));

test("keys stay where they are, those like integers too", () => {
  const nested = new Map([
    ["z", 1],
    ["0", 2],
  ]);
  const text = textOf([
    ["b", nested],
    ["2", "two"],
    ["1", [nested, "x"]],
  ]);
  expect(text).toBe(
    '{"b":{"z":{"$numberInt":"1"},"0":{"$numberInt":"2"}},"2":"two","1":[{"z":{"$numberInt":"1"},"0":{"$numberInt":"2"}},"x"]}',
  );
  expect(canonicalText(parseCanonical(text))).toBe(text);
  const read = parseCanonical(text) as Map<string, unknown>;
  expect([...read.keys()]).toEqual(["b", "2", "1"]);
});

test.each<[string, unknown, string]>([
  ["a double", new BSON.Double(1), '{"$numberDouble":"1.0"}'],
  ["an int", new BSON.Int32(1), '{"$numberInt":"1"}'],
  ["a long", BSON.Long.fromString("9007199254740993"), '{"$numberLong":"9007199254740993"}'],
  ["a decimal", BSON.Decimal128.fromString("1.10"), '{"$numberDecimal":"1.10"}'],
  ["a string", 'say "a\\b":', '"say \\"a\\\\b\\":"'],
  ["a boolean", true, "true"],
  ["null", null, "null"],
  ["an id", new BSON.ObjectId("0".repeat(24)), `{"$oid":"${"0".repeat(24)}"}`],
  ["a date", new Date(5), '{"$date":{"$numberLong":"5"}}'],
  ["bytes", new BSON.Binary(Buffer.from("ab")), '{"$binary":{"base64":"YWI=","subType":"00"}}'],
  ["a timestamp", new BSON.Timestamp({ t: 1, i: 2 }), '{"$timestamp":{"t":1,"i":2}}'],
  [
    "an expression",
    new BSON.BSONRegExp("a", "i"),
    '{"$regularExpression":{"pattern":"a","options":"i"}}',
  ],
  [
    "an expression with an option that JavaScript has not",
    new BSON.BSONRegExp("a", "x"),
    '{"$regularExpression":{"pattern":"a","options":"x"}}',
  ],
  ["the least", new BSON.MinKey(), '{"$minKey":1}'],
  ["the most", new BSON.MaxKey(), '{"$maxKey":1}'],
  ["a symbol", new BSON.BSONSymbol("s"), '{"$symbol":"s"}'],
  ["code", new BSON.Code("f"), '{"$code":"f"}'],
  [
    "code with a scope",
    new BSON.Code("f", { a: [1, "x"], b: null }),
    '{"$code":"f","$scope":{"a":[{"$numberInt":"1"},"x"],"b":null}}',
  ],
  ["an empty document", new Map(), "{}"],
  ["an empty array", [], "[]"],
])("%s is the same there and back", (_name, value, expected) => {
  const text = textOf([["é", value]]);
  expect(text).toBe(`{"é":${expected}}`);
  expect(canonicalText(parseCanonical(text))).toBe(text);
  const again = BSON.serialize(parseCanonical(text) as Map<string, unknown>);
  expect(Buffer.from(again).toString("hex")).toBe(
    Buffer.from(bytesOf([["é", value]])).toString("hex"),
  );
});

test("an operator is no value of its own, whatever it holds", () => {
  const text = '{"$match":{"$expr":{"$eq":["$a",{"$numberInt":"1"}]},"2":null,"1":false}}';
  const read = parseCanonical(text) as Map<string, Map<string, unknown>>;
  expect([...(read.get("$match") ?? [])].map(([key]) => key)).toEqual(["$expr", "2", "1"]);
  expect(canonicalText(read)).toBe(text);
});

test("a key that begins with a colon is a key", () => {
  const text = '{"a":"x",":b":"y"}';
  const read = parseCanonical(text) as Map<string, unknown>;
  expect([...read]).toEqual([
    ["a", "x"],
    [":b", "y"],
  ]);
});

test("an id as other tools write it is a value too", () => {
  const text = '{"a":{"$uuid":"00112233-4455-6677-8899-aabbccddeeff"}}';
  const read = parseCanonical(text) as Map<string, { toString(encoding: string): string }>;
  expect(read.get("a")?.toString("hex").replaceAll("-", "")).toBe(
    "00112233445566778899aabbccddeeff",
  );
});

test("a colon may stand away from its key", () => {
  expect(canonicalText(parseCanonical('{ "2" : "x" , "1" :"y:" }'))).toBe('{"2":"x","1":"y:"}');
});
