// Aim: a step's function changes what it means to, and no type of anything else. Method: documents as
// bytes through a change, and the bytes of the update that comes of it.
import { BSON, Double, Int32, Long } from "mongodb";
import { describe, expect, test } from "vitest";
import {
  documentOf,
  elementsOf,
  fieldAt,
  type RawElement,
} from "../../../src/mongo/bson/elements.ts";
import { double, element, int32, int64, oddValues, string } from "../odd-values.ts";
import { asShown, type Change, hex, setBy, shown, updateOf } from "./changed-document.ts";

const id = element("_id", 16, int32(1));
const nested = element(
  "nested",
  3,
  documentOf([
    element("z", 18, int64(5n)),
    element("10", 1, double(5)),
    element("2", 16, int32(5)),
    element("deep", 3, documentOf([element("s", 14, string("x")), element("u", 6)])),
    element("list", 4, documentOf([element("0", 1, double(1)), element("1", 18, int64(2n))])),
    element("-0", 1, double(-0)),
  ]),
);
const items = element(
  "items",
  4,
  documentOf([
    element("0", 3, documentOf([element("n", 18, int64(1n)), element("v", 1, double(2))])),
    element("1", 3, documentOf([element("n", 18, int64(3n)), element("v", 1, double(4.5))])),
  ]),
);
const long = element("long", 18, int64(5n));
const whole = element("whole", 1, double(7));
const broken = element("broken", 1, double(2.5));
const int = element("int", 16, int32(9));
const all = [id, nested, items, long, whole, broken, int];

describe("what is read and returned keeps its bytes", () => {
  const kept: Readonly<Record<string, readonly [Change, string, RawElement]>> = {
    "an object put elsewhere": [(d) => ({ $set: { copy: d.nested } }), "copy", nested],
    "an object in its place": [(d) => ({ $set: { nested: d.nested } }), "nested", nested],
    "a copy by spread in its place": [
      (d) => ({ $set: { nested: { ...d.nested } } }),
      "nested",
      nested,
    ],
    "a deep copy in its place": [
      (d) => ({ $set: { items: structuredClone(d.items) } }),
      "items",
      items,
    ],
    "a copy through JSON in its place": [
      (d) => ({ $set: { items: JSON.parse(JSON.stringify(d.items)) } }),
      "items",
      items,
    ],
    "a number in its place": [(d) => ({ $set: { long: d.long } }), "long", long],
    "a double in its place": [(d) => ({ $set: { whole: d.whole } }), "whole", whole],
    "the whole document": [(d) => ({ $set: { ...d } }), "nested", nested],
    "the document itself": [(d) => ({ $set: d }), "whole", whole],
    "an array, element by element": [
      (d) => ({ $set: { items: d.items.map((item: unknown) => item) } }),
      "items",
      items,
    ],
    "an array changed and changed back": [
      (d) => {
        d.items.push(1);
        d.items.pop();
        return { $set: { items: d.items } };
      },
      "items",
      items,
    ],
    "the least of two": [
      (d) => ({ $set: { a: 1 }, $min: { long: d.long } }),
      "a",
      element("", 16, int32(1)),
    ],
  };
  test.each(Object.entries(kept))("%s", (_what, [change, name, expected]) => {
    expect(setBy(all, change, name)).toBe(asShown(expected));
  });

  test("as wrappers too", () => {
    const change: Change = (d) => ({ $set: { copy: d.nested, items: [...d.items] } });
    expect(setBy(all, change, "copy", "bson")).toBe(asShown(nested));
    expect(setBy(all, change, "items", "bson")).toBe(asShown(items));
  });

  test.each(Object.entries(oddValues))("%s, as part of what is copied", (_what, [type, value]) => {
    const odd = element("odd", type, value);
    const holder = element("holder", 3, documentOf([odd, element("0", 4, documentOf([odd]))]));
    for (const types of ["plain", "bson"] as const) {
      const copied = updateOf([id, holder, odd], (d) => ({ $set: { copy: d.holder } }), types);
      const set = fieldAt(copied?.value as Uint8Array, "$set")?.value as Uint8Array;
      expect(shown(fieldAt(set, "copy"))).toBe(asShown(holder));
      const again = updateOf([id, holder, odd], (d) => ({ $set: d }), types);
      expect(hex(fieldAt(again?.value as Uint8Array, "$set")?.value)).toBe(
        hex(documentOf([id, holder, odd])),
      );
    }
  });
});

describe("what is changed within", () => {
  const listOf = (...values: readonly RawElement[]) => asShown(element("", 4, documentOf(values)));

  test("fields beside the changed ones keep their types", () => {
    const change: Change = (d) => ({
      $set: { items: d.items.map((item: object) => ({ ...item, seen: true })) },
    });
    const seen = element("seen", 8, [1]);
    const [first, second] = elementsOf(items.value) as [RawElement, RawElement];
    const expected = listOf(
      element("0", 3, documentOf([...elementsOf(first.value), seen])),
      element("1", 3, documentOf([...elementsOf(second.value), seen])),
    );
    expect(setBy(all, change, "items")).toBe(expected);
    expect(setBy(all, change, "items", "bson")).toBe(expected);
  });

  test("documents that move within an array keep theirs; so do those that are changed in place", () => {
    const moved: Change = (d) => ({ $set: { items: [d.items[1], d.items[0], { n: 8 }] } });
    const [first, second] = elementsOf(items.value) as [RawElement, RawElement];
    expect(setBy(all, moved, "items")).toBe(
      listOf(
        { ...second, name: Buffer.from("0") },
        { ...first, name: Buffer.from("1") },
        element("2", 3, documentOf([element("n", 16, int32(8))])),
      ),
    );
    const inPlace: Change = (d) => {
      d.items.shift();
      d.items[0].text = "x";
      return { $set: { items: d.items } };
    };
    expect(setBy(all, inPlace, "items")).toBe(
      listOf(
        element("0", 3, documentOf([...elementsOf(second.value), element("text", 2, string("x"))])),
      ),
    );
  });

  test("names like integers stay where they were, and new ones come last", () => {
    const more = [...elementsOf(nested.value), element("a", 16, int32(1))];
    const change: Change = (d) => ({ $set: { nested: { ...d.nested, a: 1 } } });
    expect(setBy(all, change, "nested")).toBe(asShown(element("", 3, documentOf(more))));
    const less: Change = (d) => {
      const { z: _, ...rest } = d.nested;
      return { $set: { nested: rest } };
    };
    expect(setBy(all, less, "nested")).toBe(
      asShown(element("", 3, documentOf(elementsOf(nested.value).slice(1)))),
    );
  });

  test("an order that the step has chosen is the step's", () => {
    const pair = element(
      "pair",
      3,
      documentOf([element("a", 8, [1]), element("b", 18, int64(1n))]),
    );
    const change: Change = (d) => ({ $set: { pair: { c: 1, b: d.pair.b, a: d.pair.a } } });
    const expected = [
      element("c", 16, int32(1)),
      element("b", 18, int64(1n)),
      element("a", 8, [1]),
    ];
    // The 1 that was read is a Long, so is another one that may be it.
    expect(() => setBy([pair], change, "pair")).toThrow(/"pair.c" is given 1/);
    const plain: Change = (d) => ({
      $set: { pair: { c: new Int32(1), b: d.pair.b, a: d.pair.a } },
    });
    expect(setBy([pair], plain, "pair")).toBe(asShown(element("", 3, documentOf(expected))));
  });

  test("a date, an expression and bytes that the step alters are written as they are then", () => {
    const at = element("at", 9, int64(5n));
    const change: Change = (d) => {
      d.at.setTime(7);
      return { $set: { at: d.at, other: d.at } };
    };
    expect(setBy([at], change, "at")).toBe(`9:${hex(int64(7n))}`);
    expect(setBy([at], change, "other")).toBe(`9:${hex(int64(7n))}`);
  });
});

describe("a value whose type cannot be known is refused", () => {
  const refused: Readonly<Record<string, readonly [Change, RegExp]>> = {
    "a long put elsewhere": [(d) => ({ $set: { b: d.long } }), /"b" is given 5, .* a Long/],
    "a whole double put elsewhere": [
      (d) => ({ $set: { b: d.whole } }),
      /"b" is given 7, .* a Double/,
    ],
    "a copy by spread put elsewhere": [
      (d) => ({ $set: { b: { ...d.nested } } }),
      /"b\.\w+" is given/,
    ],
    "an element that has moved": [
      (d) => ({ $set: { "nested.list": [...d.nested.list].reverse() } }),
      /"nested.list.0" is given 2/,
    ],
    "a long counted up": [
      (d) => ({ $set: { long: d.long + 1 } }),
      /"long" is given 6, where a Long/,
    ],
    "a double that becomes whole": [
      (d) => ({ $set: { broken: d.broken * 2 } }),
      /"broken" is given 5/,
    ],
    "by $push": [(d) => ({ $push: { list: d.long } }), /"list" is given 5/],
    "by $push of many": [
      (d) => ({ $push: { list: { $each: [1, d.long], $position: 0 } } }),
      /"list.1" is given 5/,
    ],
    "by $addToSet": [(d) => ({ $addToSet: { list: d.long } }), /"list" is given 5/],
    "by $max": [(d) => ({ $max: { other: d.long } }), /"other" is given 5/],
    "by $inc of nothing": [(d) => ({ $inc: { other: d.long } }), /"other" is given 5/],
    "in a pipeline": [(d) => [{ $set: { other: d.long } }], /is given 5/],
    "a symbol put elsewhere": [
      (d) => ({ $set: { b: d.nested.deep.s } }),
      /"b" is given "x", .*Symbol/,
    ],
    "an undefined put elsewhere": [
      (d) => ({ $set: { b: d.nested.deep.u } }),
      /"b" is given undefined/,
    ],
  };
  test.each(Object.entries(refused))("%s", (_what, [change, words]) => {
    expect(() => updateOf(all, change)).toThrow(words);
  });

  const taken: Readonly<Record<string, Change>> = {
    "a number of the step's own, though another field holds it": () => ({ $set: { b: 5 } }),
    "a number over one that the step has not read": () => ({ $set: { long: 6 } }),
    "a sum": (d) => ({ $set: { b: d.long + d.whole } }),
    "an int put elsewhere": (d) => ({ $set: { b: d.int } }),
    "a double with a fraction put elsewhere": (d) => ({ $set: { b: d.broken } }),
    "an operand of what is there": (d) => ({ $inc: { int: d.long } }),
    "the modifiers of a push": (d) => ({
      $push: { items: { $each: [{ a: 1 }], $slice: -d.long, $position: d.long } },
    }),
    "a condition": (d) => ({ $pull: { list: d.long } }),
    "a type that is said": (d) => ({
      $set: { long: new Int32(d.long), b: Long.fromNumber(d.long) },
    }),
  };
  test.each(Object.entries(taken))("but not %s", (_what, change) => {
    expect(updateOf(all, change)).not.toBeNull();
  });

  test("new numbers are stored as the driver does it", () => {
    const change: Change = () => ({ $set: { a: 1, b: 1.5, c: 2 ** 40, d: -0, e: 3n } });
    const set = fieldAt(updateOf(all, change)?.value as Uint8Array, "$set")?.value as Uint8Array;
    expect(elementsOf(set).map(({ type }) => type)).toEqual([16, 1, 1, 1, 18]);
  });

  test("a wrapper says the type, also where the value is equal", () => {
    const change: Change = (d) => ({ $set: { long: new Int32(d.long), whole: new Int32(7) } });
    expect(setBy(all, change, "long")).toBe(`16:${hex(int32(5))}`);
    expect(setBy(all, change, "whole")).toBe(`16:${hex(int32(7))}`);
  });
});

describe('types: "bson"', () => {
  test("hands out wrappers, which keep their types wherever they are put", () => {
    const change: Change = (d) => {
      expect(d.long).toBeInstanceOf(Long);
      expect(d.whole).toBeInstanceOf(Double);
      expect(d.int).toBeInstanceOf(Int32);
      expect(d.nested.deep.s).toBeInstanceOf(BSON.BSONSymbol);
      return { $set: { a: d.long, b: { c: d.whole }, s: d.nested.deep.s } };
    };
    expect(setBy(all, change, "a", "bson")).toBe(asShown(long));
    expect(setBy(all, change, "b", "bson")).toBe(
      asShown(element("", 3, documentOf([element("c", 1, double(7))]))),
    );
    expect(setBy(all, change, "s", "bson")).toBe(`14:${hex(string("x"))}`);
  });

  test("expressions keep options that JavaScript has not", () => {
    const expression = element("e", 11, Buffer.from("a/b\0ix\0"));
    const change: Change = (d) => ({ $set: { b: d.e } });
    expect(setBy([expression], change, "b", "bson")).toBe(asShown(expression));
    expect(() => setBy([expression], change, "b")).toThrow(/"e" holds a regular expression/);
  });
});

describe("what JavaScript cannot hold", () => {
  const [, twice] = oddValues["a name twice"] as readonly [number, Uint8Array];
  const unheld: Readonly<Record<string, readonly [RawElement, RegExp]>> = {
    "a DBPointer": [
      element("x", ...(oddValues["a DBPointer"] as [number, Uint8Array])),
      /DBPointer/,
    ],
    "a date out of range": [element("x", 9, int64(2n ** 62n)), /"x" holds a date of 4611686/],
    "a string that is no UTF-8": [element("x", 2, string(Uint8Array.of(255))), /valid UTF-8/],
    "an expression that JavaScript does not know": [
      element("x", 11, Buffer.from("(?i)a\0\0")),
      /"x" holds a value of BSON type 11/,
    ],
  };
  test.each(Object.entries(unheld))(
    "%s: refused where it is read, and only there",
    (_w, [odd, words]) => {
      expect(() => updateOf([id, odd], (d) => ({ $set: { y: d.x } }))).toThrow(words);
      expect(() => updateOf([id, odd], (d) => ({ $set: { y: { ...d } } }))).toThrow(words);
      expect(updateOf([id, odd], (d) => ({ $set: { y: d._id } }))).not.toBeNull();
    },
  );

  test("a name that is there twice, at the top and within", () => {
    const holder = element("x", 3, twice);
    expect(() => updateOf([holder], (d) => ({ $set: { y: d.x.a } }))).toThrow(
      /"x.a" is there twice/,
    );
    expect(() =>
      updateOf([holder], (d) => {
        d.x.b = 1;
        return { $set: { x: d.x } };
      }),
    ).toThrow(/cannot tell apart/);
    const top = elementsOf(twice);
    expect(() => updateOf(top, (d) => ({ $set: { y: d.a } }))).toThrow(/"a" is there twice/);
    expect(updateOf(top, () => ({ $set: { y: 1 } }))).not.toBeNull();
  });
});

test.each([
  ["nothing", undefined],
  ["a document without operators", { a: 1 }],
  ["an empty one", {}],
  ["a promise", Promise.resolve(null)],
  ["text", "x"],
])("a change that returns %s is refused", (_what, returned) => {
  expect(() => updateOf([id], () => returned)).toThrow(/expected update operators/);
});

test("a null byte in a name is refused", () => {
  expect(() => updateOf([id], () => ({ $set: { a: { "x\0y": 1 } } }))).toThrow(/null byte/);
});
