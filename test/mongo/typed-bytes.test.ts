// Aim: a value goes through the driver byte for byte, whatever it is. Method: values that JavaScript cannot
// hold, serialized by the pinned driver wherever we put them; what of them is told to people.
import { BSON } from "mongodb";
import { describe, expect, test } from "vitest";
import {
  documentOf,
  elementsOf,
  fieldAt,
  unwrapValue,
  wrapValue,
} from "../../src/mongo/bson/elements.ts";
import { orderedField } from "../../src/mongo/bson/ordered-bson.ts";
import { bsonType, rawFields } from "../../src/mongo/bson/raw-bson.ts";
import { idText, isEqual, printed, sentAs } from "../../src/mongo/bson/typed-bytes.ts";
import { element, int32, int64, oddValues, string } from "../database/odd-values.ts";

describe("any value", () => {
  test.each(Object.entries(oddValues))("%s", (_what, [type, value]) => {
    const raw = { type, value };
    const some = [1, sentAs("1", raw), sentAs("2", raw)];
    const bytes = BSON.serialize({ q: { _id: { $in: some } }, _id: sentAs("_id", raw), after: 1 });
    const list = ["q", "_id", "$in"].reduce((at, name) => fieldAt(at, name)?.value ?? at, bytes);
    const found = elementsOf(list).slice(1);
    for (const each of [...found, elementsOf(bytes)[1] as (typeof found)[number]]) {
      expect(each.type).toBe(type);
      expect(Buffer.compare(each.value, value)).toBe(0);
    }
    expect(isEqual(raw, unwrapValue(wrapValue(raw)))).toBe(true);
  });

  test("documents are taken apart and put together again", () => {
    const elements = Object.values(oddValues).map(([type, value]) => element("é", type, value));
    const bytes = documentOf(elements);
    expect(Buffer.compare(documentOf(elementsOf(bytes)), bytes)).toBe(0);
  });
});

test("a byte order mark at the beginning of a field's name is part of it", () => {
  const bytes = BSON.serialize({ "\uFEFFqty": 1, qty: 2 });
  expect(rawFields(bytes).map(({ name }) => name)).toEqual(["\uFEFFqty", "qty"]);
  expect(orderedField(bytes, "qty")).toEqual(new BSON.Int32(2));
});

const raw = (type: number, value: Uint8Array) => ({ type, value });

test.each([
  ["a number", raw(bsonType.int32, int32(7)), "7", "7"],
  ["a long", raw(bsonType.long, int64(7n)), "7", "7"],
  ["a string", raw(bsonType.string, string("a b")), "a b", '"a b"'],
  ["a date", raw(bsonType.date, int64(0n)), '{"$date":"1970-01-01T00:00:00Z"}', undefined],
  ["a nested one", raw(3, documentOf([element("a", 16, int32(1))])), '{"a":1}', undefined],
  [
    "a date out of range",
    raw(bsonType.date, int64(2n ** 62n)),
    "BSON type 9, bytes 0000000000000040",
    undefined,
  ],
  [
    "a string that is no UTF-8",
    raw(bsonType.string, string(Uint8Array.of(255))),
    "BSON type 2, bytes 02000000ff00",
    undefined,
  ],
] as const)("as text: %s", (_what, value, id, text) => {
  expect(idText(value)).toBe(id);
  expect(printed(value)).toBe(text ?? id);
});

test("as text: a long one that is no text is cut", () => {
  const value = raw(bsonType.string, string(Buffer.alloc(100, 255)));
  expect(idText(value)).toMatch(/^BSON type 2, bytes [0-9a-f]{128}…$/);
});

test("as text: what JavaScript would take for something else is told by its bytes", () => {
  const [type, value] = oddValues["a name twice"] as readonly [number, Uint8Array];
  expect(idText(raw(type, value))).toMatch(/^BSON type 3, bytes 13/);
  expect(idText(undefined)).toBe("none");
});
