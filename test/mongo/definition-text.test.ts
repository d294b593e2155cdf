// Aim: a definition keeps its bytes on its way through text. Method: every type of BSON there and back,
// keys that JavaScript would put elsewhere or lose, values that it cannot hold.
import fc from "fast-check";
import { BSON } from "mongodb";
import { expect, test } from "vitest";
import {
  bsonType,
  decodedValue,
  fieldOf,
  fieldOfBytes,
  type RawField,
  rawDocument,
  rawFields,
} from "../../src/mongo/bson/raw-bson.ts";
import { bytesOfText, canonicalText } from "../../src/mongo/catalogue/definition-text.ts";

const bytesOf = (pairs: readonly (readonly [string, unknown])[]) => BSON.serialize(new Map(pairs));
const textOf = (pairs: readonly (readonly [string, unknown])[]) => canonicalText(bytesOf(pairs));

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
  expect(canonicalText(bytesOfText(text))).toBe(text);
  expect(rawFields(bytesOfText(text)).map(({ name }) => name)).toEqual(["b", "2", "1"]);
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
  expect(canonicalText(bytesOfText(text))).toBe(text);
  expect(Buffer.from(bytesOfText(text)).toString("hex")).toBe(
    Buffer.from(bytesOf([["é", value]])).toString("hex"),
  );
});

test("an operator is no value of its own, whatever it holds", () => {
  const text = '{"$match":{"$expr":{"$eq":["$a",{"$numberInt":"1"}]},"2":null,"1":false}}';
  expect(canonicalText(bytesOfText(text))).toBe(text);
});

test("a key that begins with a colon is a key", () => {
  const text = '{"a":"x",":b":"y"}';
  expect(rawFields(bytesOfText(text)).map((field) => [field.name, decodedValue(field)])).toEqual([
    ["a", "x"],
    [":b", "y"],
  ]);
});

test("an id as other tools write it is a value too", () => {
  const text = '{"a":{"$uuid":"00112233-4455-6677-8899-aabbccddeeff"}}';
  const [id] = rawFields(bytesOfText(text));
  expect(id?.type).toBe(5);
  expect(Buffer.from(id?.value ?? []).toString("hex")).toBe(
    "100000000400112233445566778899aabbccddeeff",
  );
});

test("a colon may stand away from its key", () => {
  expect(canonicalText(bytesOfText('{ "2" : "x" , "1" :"y:" }'))).toBe('{"2":"x","1":"y:"}');
});

test("a field that is named twice stays twice, at any depth", () => {
  const text =
    '{"a":{"$gt":{"$numberInt":"1"},"$gt":{"$numberInt":"2"}},"a":[{"2":true,"2":false}],"a":"x"}';
  expect(canonicalText(bytesOfText(text))).toBe(text);
  expect(rawFields(bytesOfText(text)).map(({ name }) => name)).toEqual(["a", "a", "a"]);
});

test.each([
  [
    "a date out of range",
    9,
    Buffer.alloc(8, 0x7f),
    '{"$date":{"$numberLong":"9187201950435737471"}}',
  ],
  ["undefined", 6, Buffer.alloc(0), '{"$undefined":true}'],
  [
    "an expression with an option of nobody's",
    11,
    Buffer.from("a\0iu\0"),
    '{"$regularExpression":{"pattern":"a","options":"iu"}}',
  ],
  [
    "a pointer",
    12,
    Buffer.concat([Buffer.from([2, 0, 0, 0, 98, 0]), Buffer.alloc(12, 1)]),
    `{"$dbPointer":{"$ref":"b","$id":{"$oid":"${"01".repeat(12)}"}}}`,
  ],
])(
  "%s, which JavaScript cannot hold, is the same there and back",
  (_name, type, value, expected) => {
    const bytes = rawDocument([fieldOfBytes("a", type, value)]);
    expect(canonicalText(bytes)).toBe(`{"a":${expected}}`);
    expect(Buffer.from(bytesOfText(`{"a":${expected}}`))).toEqual(Buffer.from(bytes));
  },
);

test("a document that looks like a wrapper, with more in it or no value, is a document", () => {
  for (const text of ['{"a":{"$oid":"x","b":true}}', '{"a":{"$literal":{"$oid":"no id"}}}']) {
    expect(canonicalText(bytesOfText(text))).toBe(text);
  }
});

test("definitions survive as text: any keys in any order, also twice, any types", () => {
  const leaf = fc.oneof(
    fc.string(),
    fc.integer().map((n) => new BSON.Int32(n | 0)),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => new BSON.Double(n)),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((n) => BSON.Long.fromBigInt(n)),
    fc.boolean(),
    fc.constant(null),
    fc.date({ noInvalidDate: true }),
  );
  const key = fc.oneof(
    fc.constantFrom("1", "2", "10", "$or", "a:b", 'q"', "\\", "b"),
    fc.string().filter((text) => !text.includes("\0") && !/^\$[a-zA-Z]/.test(text)),
  );
  const document = (held: readonly RawField[]) => rawDocument(held);
  const { field } = fc.letrec<{ field: RawField; list: RawField; nested: RawField }>((tie) => ({
    field: fc.oneof(
      { depthSize: "small" },
      fc.tuple(key, leaf).map(([name, value]) => fieldOf(name, value)),
      tie("list"),
      tie("nested"),
    ),
    list: fc
      .tuple(key, fc.array(leaf, { maxLength: 3 }))
      .map(([name, held]) => fieldOf(name, held)),
    nested: fc
      .tuple(key, fc.array(tie("field"), { maxLength: 4 }))
      .map(([name, held]) => fieldOfBytes(name, bsonType.document, document(held))),
  }));
  fc.assert(
    fc.property(fc.array(field, { maxLength: 5 }), (fields) => {
      const bytes = Buffer.from(document(fields));
      expect(Buffer.from(bytesOfText(canonicalText(bytes)))).toEqual(bytes);
    }),
    { numRuns: 500 },
  );
});
