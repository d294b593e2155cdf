// Aim: a number that is equal to another one of its document keeps its own type, or is refused. Method: documents as
// bytes, in which fields of several types hold one number, through a change.
import { expect, test } from "vitest";
import { documentOf, type RawElement } from "../../../src/mongo/bson/elements.ts";
import { double, element, int32, int64 } from "../odd-values.ts";
import { asShown, type Change, setBy, updateOf } from "./changed-document.ts";

const big = element("big", 18, int64(9_007_199_254_740_993n));
const five = [element("d", 1, double(5)), element("l", 18, int64(5n)), element("i", 16, int32(5))];
const list = element(
  "list",
  4,
  documentOf([element("0", 1, double(5)), element("1", 18, int64(5n))]),
);
const equal = [...five, list, element("o", 3, documentOf(five)), big];
const refusedAmongEqual: Readonly<Record<string, readonly [Change, RegExp]>> = {
  "a number made from a long that no number holds": [
    (d) => ({ $set: { big: Number(d.big) + 1 } }),
    /"big" is given 9007199254740992, where a Long/,
  ],
  "a long over an equal int": [(d) => ({ $set: { i: d.l } }), /"i" is given 5, .*a Long/],
  "an int over an equal double": [(d) => ({ $set: { d: d.i } }), /"d" is given 5, .*an Int32/],
  "a double over an equal long": [(d) => ({ $set: { l: d.d } }), /"l" is given 5, .*a Double/],
  "an element that took the place of an equal one": [
    (d) => ({ $set: { list: d.list.slice(1) } }),
    /"list.0" is given 5, .*a Long/,
  ],
  "equal elements in another order": [
    (d) => ({ $set: { list: d.list.toReversed() } }),
    /"list.0" is given 5, .*a Double and as a Long|a Long and as a Double/,
  ],
};
test.each(Object.entries(refusedAmongEqual))("refused: %s", (_what, [change, words]) => {
  expect(() => updateOf(equal, change)).toThrow(words);
});

const keptAmongEqual: Readonly<Record<string, readonly [Change, string]>> = {
  "a copy by spread": [(d) => ({ $set: { o: { ...d.o } } }), "o"],
  "a long that no number holds": [(d) => ({ $set: { big: d.big } }), "big"],
  "an array that was not read": [(d) => ({ $set: { list: d.list } }), "list"],
};
test.each(Object.entries(keptAmongEqual))("not refused: %s", (_what, [change, name]) => {
  const stored = equal.find((raw) => Buffer.from(raw.name).toString() === name) as RawElement;
  expect(setBy(equal, change, name)).toBe(asShown(stored));
});

test("not refused: an int, though a long of the same number is there", () => {
  expect(setBy(equal, (d) => ({ $set: { b: d.i } }), "b")).toBe(asShown(five[2] as RawElement));
});
