// Aim: what is kept comes back as it was, type by type. Method: each type by name, then random values that mix all.
import { types } from "node:util";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import {
  Binary,
  BSON,
  BSONRegExp,
  BSONSymbol,
  Code,
  DBRef,
  Decimal128,
  Double,
  Int32,
  Long,
  MaxKey,
  MinKey,
  ObjectId,
  Timestamp,
} from "mongodb";
import { describe, expect, test } from "vitest";
import { decode } from "../../../src/engine/values/decode.ts";
import { encode } from "../../../src/engine/values/encode.ts";
import { otherDriver } from "../../support/other-driver.ts";
import { anyValue } from "./any-value.ts";
import { differenceOf } from "./same-value.ts";

const roundTrip = <T>(value: T): T => decode(encode(value)) as T;

function expectKept(value: unknown): void {
  const text = encode(value);
  const back = decode(text);
  expect(differenceOf(back, value), text).toBe(null);
  expect(encode(back)).toBe(text);
}

/** Each is kept alone, as a property, as an element, in a Map as key and value, and in a Set. */
const kept: Readonly<Record<string, unknown>> = {
  "a JSON value": { a: [1, "two", true, null, { b: 1e21 }], "": 0 },
  undefined: undefined,
  "-0": -0,
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  "-Infinity": Number.NEGATIVE_INFINITY,
  "the least number": Number.MIN_VALUE,
  "a bigint": -(2n ** 70n),
  "0n": 0n,
  "a Date": new Date(1_700_000_000_123),
  "the last Date": new Date(8.64e15),
  "a Date before the year 0": new Date(-6.3e13),
  "an invalid Date": new Date(Number.NaN),
  "an empty Map": new Map(),
  "a Map with keys of all types": new Map<unknown, unknown>([
    ...[
      ["1", 1] as const,
      [1, "1"] as const,
      [Number.NaN, -0] as const,
      [null, undefined] as const,
    ],
    ...[[{ a: 1 }, new Map([[[1], 1n]])] as const, [new Date(0), new Set([new Date(1)])] as const],
  ]),
  "a Set": new Set<unknown>(["b", "a", undefined, 1n, Number.NaN, new Set([[1]])]),
  "a RegExp": /a\/[\]"'\n]+(?<name>x)/giu,
  "an empty RegExp": /(?:)/,
  "a URL": new URL("https://user:p%40ss@ex%C3%A4mple.org:8080/a%20b?c=d&e#f"),
  "an array with holes": Object.assign([], { length: 6, 1: undefined, 3: "three", 4: 1n }),
  "an array of holes": new Array(5),
  "a result of match": "a-b-c".match(/-(?<letter>b)/),
  "an array with a property": Object.assign([1, 2], { extra: new Date(0) }),
  "an array with a hole and a property": Object.assign([], { length: 1, extra: 1 }),
  "an object without a prototype": Object.assign(Object.create(null), { a: new Date(0), b: 1 }),
  "odd keys": { "a.b": 1n, $set: { "a.$": new Date(0) }, "": undefined, constructor: 1n, "0": -0 },
  "a key __proto__": JSON.parse('{"__proto__":{"isAdmin":true},"constructor":{"prototype":{}}}'),
  "a key __proto__ with a type": Object.defineProperty({ a: 1n }, "__proto__", {
    ...{ value: new Date(0), enumerable: true, writable: true, configurable: true },
  }),
  "a key toJSON": { toJSON: "text", valueOf: 1n },
  "a key of the tag": { "@": ["Date", "2026-01-01T00:00:00.000Z"] },
  "a key of the tag, twice": { "@": { "@": "undefined" }, other: new Date(0) },
  "a key that ends like the tag": { "a@": "@", '"@": ': '{"@":"NaN"}' },
  "a text like a tag": '{"@":["bigint","1"]}',
  "lone surrogates": { "\ud800": "\udfff a \u2028 \0", pair: "😀" },
  "a Buffer": Buffer.from("bytes"),
  "an empty Buffer": Buffer.alloc(0),
  "a Uint8Array": Uint8Array.of(1, 2, 255),
  "a Uint8ClampedArray": Uint8ClampedArray.of(1, 255),
  "an Int8Array": Int8Array.of(-1, 1),
  "an Int16Array": Int16Array.of(-300),
  "a Uint16Array": Uint16Array.of(65_535),
  "an Int32Array": Int32Array.of(-70_000),
  "a Uint32Array": Uint32Array.of(2 ** 32 - 1),
  "a Float32Array": Float32Array.of(1.5, Number.NaN, -0),
  "a Float64Array": Float64Array.of(0.1, Number.NEGATIVE_INFINITY),
  "a BigInt64Array": BigInt64Array.of(-1n),
  "a BigUint64Array": BigUint64Array.of(2n ** 64n - 1n),
  "an ArrayBuffer": Uint8Array.of(1, 2, 3).buffer,
  "a DataView": new DataView(Uint8Array.of(1, 2, 3).buffer, 1),
  "an ObjectId": new ObjectId("65f0c0ffee0000000000abcd"),
  "a Long": Long.fromString("-9007199254740993"),
  "an unsigned Long": Long.fromString("18446744073709551615", true),
  "a Timestamp": new Timestamp({ t: 4_294_967_295, i: 2 }),
  "an Int32": new Int32(-7),
  "a Double": new Double(7),
  "a Double of -0": new Double(-0),
  "a Double of NaN": new Double(Number.NaN),
  "a Decimal128": Decimal128.fromString("1.000E-3"),
  "a Binary": new Binary(Buffer.from("abc"), 0x80),
  "a Binary of subtype 4": new Binary(Buffer.alloc(16, 7), 4),
  "a UUID": new BSON.UUID("2a83b654-d0a8-4a1e-b9df-71dd560ad415"),
  "a BSONRegExp": new BSONRegExp("a/b", "im"),
  "a BSONSymbol": new BSONSymbol("s"),
  "a Code": new Code("return a", { a: 1, at: new Date(0) }),
  "a Code without a scope": new Code("return 1"),
  "a DBRef": new DBRef("orders", new ObjectId("65f0c0ffee0000000000abcd"), "shop", { n: 1 }),
  "a MaxKey": new MaxKey(),
  "a MinKey": new MinKey(),
};

describe("a value comes back with its type", () => {
  for (const [name, value] of Object.entries(kept)) {
    test(name, () => {
      for (const each of [value, { a: value, b: 1 }, [0, value], [value, undefined]]) {
        expectKept(each);
      }
      expectKept(
        new Map<unknown, unknown>([
          [value, 1],
          ["v", value],
          [2, [value]],
        ]),
      );
      expectKept(new Set([1, value, { value }]));
      expectKept({
        deep: Object.assign(Object.create(null), { value: new Map([[1, { value }]]) }),
      });
    });
  }

  const errorTypes = [
    Error,
    EvalError,
    RangeError,
    ReferenceError,
    SyntaxError,
    TypeError,
    URIError,
  ];
  test.each(errorTypes)("%o", (Type) => {
    const error = Object.assign(new Type("m", { cause: { at: new Date(0) } }), { code: 7n });
    const back = roundTrip(error);
    expect(Object.getPrototypeOf(back)).toBe(Type.prototype);
    expect(types.isNativeError(back)).toBe(true);
    expect(Object.getOwnPropertyNames(back).toSorted()).toEqual(
      Object.getOwnPropertyNames(error).toSorted(),
    );
    expect(Object.keys(back)).toEqual(["code"]);
    expect({ ...back, message: back.message, stack: back.stack, cause: back.cause }).toEqual({
      ...{ code: 7n, message: "m", stack: error.stack, cause: { at: new Date(0) } },
    });
    expect(String(back)).toBe(String(error));
  });

  test("errors with another name, no message, no stack, and errors of Node", async () => {
    const named = Object.assign(new Error("m"), { name: "Odd", __proto__: null });
    Object.setPrototypeOf(named, Error.prototype);
    expect(roundTrip(named)).toMatchObject({ name: "Odd", message: "m" });
    const hiddenName = Object.defineProperty(new Error("m"), "name", { value: "Hidden" });
    expect(roundTrip(hiddenName).name).toBe("Hidden");
    expect(Object.keys(roundTrip(hiddenName))).toEqual([]);
    const bare = new Error();
    delete bare.stack;
    expect(Object.getOwnPropertyNames(roundTrip(bare))).toEqual([]);
    const { promises } = await import("node:fs");
    const away = await promises.readFile("/no/such/file").catch((error: unknown) => error);
    expect(roundTrip(away)).toMatchObject({ code: "ENOENT", path: "/no/such/file", errno: -2 });
    const several = new AggregateError([new TypeError("a"), 1n], "m");
    const back = roundTrip(several);
    expect(back).toBeInstanceOf(AggregateError);
    expect(back.errors[0]).toBeInstanceOf(TypeError);
    expect(back.errors[1]).toBe(1n);
    expect(Object.keys(back)).toEqual([]);
  });

  test("the order of a Map, of a Set and of keys", () => {
    expect([...roundTrip(new Set(["c", "a", { b: 1n }, "b"]))]).toEqual(["c", "a", { b: 1n }, "b"]);
    expect([
      ...roundTrip(
        new Map([
          ["z", 1n],
          ["a", 2n],
        ]),
      ).keys(),
    ]).toEqual(["z", "a"]);
    expect(Object.keys(roundTrip({ z: 1, a: 1n, m: undefined, b: 2 }))).toEqual([
      "z",
      "a",
      "m",
      "b",
    ]);
  });

  test("the lastIndex of a RegExp", () => {
    const sticky = /a/y;
    for (const index of [3, 0, Number.NaN]) {
      sticky.lastIndex = index;
      expect(roundTrip(sticky).lastIndex).toBe(index);
    }
  });

  test("a view of a part of a buffer comes back alone, with memory of its own", () => {
    const all = Uint8Array.of(1, 2, 3, 4, 5, 6, 7);
    const views = [
      all.subarray(2, 4),
      new Uint16Array(all.buffer, 2, 1),
      new DataView(all.buffer, 3, 2),
    ];
    for (const view of views) {
      const back = roundTrip(view);
      expect(back).toStrictEqual(view);
      expect(back.buffer.byteLength).toBe(2);
    }
    const pooled = Buffer.from("abc");
    expect(Buffer.isBuffer(roundTrip(pooled))).toBe(true);
    expect(roundTrip(pooled).buffer.byteLength).toBe(3);
    expect(Buffer.isBuffer(roundTrip(Uint8Array.of(1)))).toBe(false);
  });

  test("values of another copy of the driver become values of ours", () => {
    const hex = "65f0c0ffee0000000000abcd";
    const uuid = "2a83b654-d0a8-4a1e-b9df-71dd560ad415";
    const back = roundTrip<readonly unknown[]>([
      ...[
        new otherDriver.BSON.ObjectId(hex),
        otherDriver.BSON.Long.fromNumber(5),
        new otherDriver.BSON.UUID(uuid),
      ],
      new otherDriver.BSON.Binary(Buffer.alloc(16), 4),
    ]);
    expect(back[0]).toStrictEqual(new ObjectId(hex));
    expect(back[1]).toStrictEqual(Long.fromNumber(5));
    expect(back[2]).toStrictEqual(new BSON.UUID(uuid));
    expect(Object.getPrototypeOf(back[3])).toBe(Binary.prototype);
  });

  test("values of another context of node:vm become values of this one", () => {
    const script = `({ d: new Date(0), m: new Map([[1, { a: [undefined] }]]), s: new Set([1n]), r: /a/g,
      e: new TypeError("m"), n: Object.create(null), u: Uint8Array.of(1), b: new ArrayBuffer(1) })`;
    const back = roundTrip<Record<string, unknown>>(runInNewContext(script));
    expect(back["e"]).toBeInstanceOf(TypeError);
    delete back["e"];
    expect(back).toStrictEqual({
      ...{ d: new Date(0), m: new Map([[1, { a: [undefined] }]]), s: new Set([1n]), r: /a/g },
      ...{ n: Object.create(null), u: Uint8Array.of(1), b: new ArrayBuffer(1) },
    });
  });
});

describe("the text", () => {
  test("is that of JSON.stringify where nothing has a type of its own", () => {
    const value = { id: "o-17", count: 3, items: [{ "a.b": null, t: "\ud800@" }, []], d: true };
    expect(encode(value)).toBe(JSON.stringify(value));
  });

  test("is the same for the same value, and for what comes back", () => {
    for (const value of Object.values(kept)) {
      expect(encode(value)).toBe(encode(value));
      expect(encode(roundTrip(value))).toBe(encode(value));
    }
  });

  test("does not come from toJSON methods that others have added", () => {
    const types: { prototype: object }[] = [BigInt, Date, Map, Error];
    for (const { prototype } of types) {
      const before = Object.getOwnPropertyDescriptor(prototype, "toJSON");
      const value = () => "spoilt";
      Object.defineProperty(prototype, "toJSON", { value, configurable: true, writable: true });
      try {
        const given = { b: 1n, d: new Date(0), m: new Map([[1, 2]]) };
        expect(roundTrip(given)).toStrictEqual(given);
        expect(roundTrip(new Error("m"))).toBeInstanceOf(Error);
      } finally {
        if (before) Object.defineProperty(prototype, "toJSON", before);
        else Reflect.deleteProperty(prototype, "toJSON");
      }
    }
  });

  test("leaves out what a library has added to all objects", () => {
    Object.defineProperty(Object.prototype, "added", {
      value: () => 1,
      writable: true,
      configurable: true,
      enumerable: true,
    });
    let back: readonly object[];
    try {
      back = [{ a: 1 }, { a: 1n }, Object.assign(Object.create(null), { a: 1n })].map(roundTrip);
    } finally {
      Reflect.deleteProperty(Object.prototype, "added");
    }
    expect(back.map(Object.keys)).toEqual([["a"], ["a"], ["a"]]);
  });

  test("has what an accessor and a Proxy show, and no hidden property", () => {
    const shown = {
      get at() {
        return new Date(0);
      },
      [Symbol.iterator]: undefined,
    };
    Reflect.deleteProperty(shown, Symbol.iterator);
    expect(roundTrip(shown)).toStrictEqual({ at: new Date(0) });
    expect(roundTrip(new Proxy({ a: [new Proxy([1n], {})] }, {}))).toStrictEqual({ a: [[1n]] });
    const hidden = Object.defineProperty({ a: 1 }, "b", { value: () => 1 });
    expect(roundTrip(Object.defineProperty(hidden, Symbol("own"), { value: 1 }))).toStrictEqual({
      a: 1,
    });
  });

  test("copies an object that is held twice, and does not take it for a cycle", () => {
    const shared = { at: new Date(0) };
    const back = roundTrip({ a: shared, b: [shared], c: shared });
    expect(back).toStrictEqual({ a: shared, b: [shared], c: shared });
    expect(back.a).not.toBe(back.c);
  });
});

test("random values of all types come back", () => {
  fc.assert(fc.property(anyValue(), expectKept), { numRuns: 500 });
});

test("a value is left as it was", () => {
  fc.assert(
    fc.property(fc.clone(anyValue(), 2), ([value, twin]) => {
      encode(value);
      expect(differenceOf(value, twin)).toBe(null);
    }),
    { numRuns: 200 },
  );
});
