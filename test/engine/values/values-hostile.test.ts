// Aim: a text that the engine has not written gives a typed error or plain data, and changes nothing else. Objects
// that are kept by reference come back in their places. Method: texts by hand, and damaged texts.
import { inspect } from "node:util";
import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { decode } from "../../../src/engine/values/decode.ts";
import { encode } from "../../../src/engine/values/encode.ts";
import { isLockstepError } from "../../../src/errors.ts";
import { limits } from "../../../src/limits.ts";
import { anyValue } from "./any-value.ts";

/** The error's message, or what was read. */
function brokenBy(text: string): string {
  try {
    return `read: ${inspect(decode(text))}`;
  } catch (error) {
    if (!isLockstepError(error, "record-broken")) throw error;
    return error.message;
  }
}

const prototypes: readonly object[] = [Object, Array, Map, Set, Date, Error].map(
  ({ prototype }) => prototype as object,
);
const before = prototypes.map((each) => Reflect.ownKeys(each).length);

afterEach(() => {
  expect(prototypes.map((each) => Reflect.ownKeys(each).length)).toEqual(before);
  expect(Object.keys(Object.prototype)).toEqual([]);
});

const tagged = (...content: unknown[]): string => JSON.stringify({ "@": content });

describe("a text of another origin", () => {
  const texts: readonly string[] = [
    ...["{", "nul", "undefined", '{"a":1}}', "[1,]", "\ufeff1", " "],
    ...['{"@":1}', '{"@":null}', '{"@":{}}', '{"@":[]}', '{"@":[1]}', '{"@":"unknown"}'],
    ...['{"@":"NaN","b":1}', '{"a":1,"@":["bigint","1"]}', '{"@":[["Date"]]}', '{"@":"toString"}'],
    ...[
      "Function",
      "eval",
      "constructor",
      "__proto__",
      "toString",
      "Promise",
      "Object.prototype",
    ].map((name) => tagged(name, "process.exit(1)")),
    ...[[], [1], ["1.5"], [""], ["0x10"], ["1n"], ["--1"], [" 1"]].map((parts) =>
      tagged("bigint", ...parts),
    ),
    ...[[], [1], ["Tuesday"], [{}], ["+999999-01-01T00:00:00Z"]].map((parts) =>
      tagged("Date", ...parts),
    ),
    ...[[], [{}], ["ab"], [[1]], [null]].map((parts) => tagged("Map", ...parts)),
    ...[[], [{}], ["ab"], [{ length: 3 }]].map((parts) => tagged("Set", ...parts)),
    ...[[], ["("], ["a", "gg"], ["a", "q"], ["a", "g", "1"], [1, "g"]].map((parts) =>
      tagged("RegExp", ...parts),
    ),
    ...[[], ["no url"], [1]].map((parts) => tagged("URL", ...parts)),
    ...[[], ["m"], [[]], [{ message: "m" }, "x"], [null]].map((parts) => tagged("Error", ...parts)),
    ...[[], [1], ["a"], ["#"], ["AQ"], ["AQ==\n"], [{ length: 9 }]].map((parts) =>
      tagged("Uint8Array", ...parts),
    ),
    ...[["AQ=="], ["AQID"]].map((parts) => tagged("Float64Array", ...parts)),
    ...[[-1, {}], [1.5, {}], [2 ** 32, {}], ["3", {}], [3], [3, []], [3, { length: 9 }]].map(
      (parts) => tagged("Array", ...parts),
    ),
    ...[[], [1], [[]], [null]].flatMap((parts) => [
      tagged("Object", ...parts),
      tagged("null", ...parts),
    ]),
    ...[["ObjectId", "xyz"], ["ObjectId"], ["UUID", "1"], ["Long", "x"], ["Long", 1]].map(
      (content) => tagged(...content),
    ),
    ...[
      ["Decimal128", "1e"],
      ["Double", "1"],
      ["Int32"],
      ["Timestamp", "-1"],
      ["Binary", "#", 0],
    ].map((content) => tagged(...content)),
    ...[
      ["Code", 1, null],
      ["BSONRegExp", "a\0", "g"],
      ["DBRef", 1, "x"],
    ].map((content) => tagged(...content)),
    ...[["reference", 1], ["reference"], ["reference", "unasked"]].map((content) =>
      tagged(...content),
    ),
  ];
  test.each(texts)("%s", (text) => {
    for (const each of [text, `[0,${text}]`]) {
      expect(brokenBy(each)).toMatch(/^expected a value as the engine writes it, found /);
    }
  });

  test("keys of a prototype become own properties", () => {
    const inner = '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}';
    const texts = [
      ...[inner, `{"a":{"@":"NaN"},"b":${inner}}`, `{"@":["Object",${inner}]}`],
      ...[`{"@":["null",${inner}]}`, `{"@":["Array",1,${inner}]}`, `{"@":["Error",${inner}]}`],
      ...[`{"@":["Error",{},${inner}]}`, `{"__proto__":{"@":["Map",["polluted",1]]}}`],
      `{"@":["Map",[${inner},{"@":["Set",[${inner}]]}]]}`,
    ];
    for (const text of texts) {
      const value = decode(text) as object;
      expect(Reflect.get({}, "polluted")).toBe(undefined);
      expect(Reflect.get(value, "polluted")).toBe(undefined);
      expect(Object.getPrototypeOf(value) ?? {}).not.toHaveProperty("polluted");
    }
    expect(Object.getPrototypeOf(decode('{"__proto__":{"@":["Set",[]]}}'))).toBe(Object.prototype);
  });

  test("a length that is only claimed costs no memory", () => {
    const lengths = [31_000_000, 33_000_000, 2 ** 32 - 1];
    const text = `[${lengths.flatMap((each) => new Array(4).fill(tagged("Array", each, {}))).join()}]`;
    const used = process.memoryUsage().rss;
    const lists = decode(text) as readonly unknown[][];
    expect(lists[0]).toHaveLength(31_000_000);
    expect(process.memoryUsage().rss - used).toBeLessThan(500 * 1024 * 1024);
  });

  test("many levels, and a long text", () => {
    const deep = (open: string, inner: string, close: string, levels: number) =>
      open.repeat(levels) + inner + close.repeat(levels);
    for (const levels of [limits.valueDepthMax + 2, 200_000]) {
      for (const [open, close] of [
        ["[", "]"],
        ['{"a":', "}"],
        ['{"@":["Set",[', "]]}"],
        ['{"@":["Error",{"cause":', "}]}"],
      ] as const) {
        expect(brokenBy(deep(open, '{"@":"NaN"}', close, levels))).toContain("levels");
      }
    }
    expect(brokenBy(`"${"a".repeat(limits.valueBytesMax)}"`)).toContain("found a text of ");
  });

  test("any damage of a text gives a value or the typed error", () => {
    const damaged = fc
      .tuple(
        anyValue(),
        fc.nat(),
        fc.nat(3),
        fc.constantFrom("", "[", '"', "1", "null", "{}", "\\"),
      )
      .map(([value, place, length, put]) => {
        const text = encode(value);
        const index = place % text.length;
        return text.slice(0, index) + put + text.slice(index + length);
      });
    fc.assert(
      fc.property(damaged, (text) => {
        brokenBy(text);
      }),
      { numRuns: 1_000 },
    );
  });
});

class Actor {
  readonly id: string;
  constructor(id: string) {
    this.id = id;
  }
}

describe("an object that is kept by reference", () => {
  const reference = (value: object): string | null => (value instanceof Actor ? value.id : null);
  const [a, b] = [new Actor("a"), new Actor("b")];
  const given = () => ({
    actor: a,
    list: [a, 1, b],
    sparse: Object.assign([], { length: 3, 1: b }),
    byActor: new Map<unknown, unknown>([
      ["first", 1],
      [a, b],
      ["last", { b }],
    ]),
    all: new Set<unknown>(["first", a, new Set([b]), b, "last"]),
    bare: Object.assign(Object.create(null), { a }),
    error: Object.assign(new Error("m", { cause: a }), { b }),
    __actor__: Object.defineProperty({}, "__proto__", { value: a, enumerable: true }),
  });
  const shown = ({ error, ...rest }: ReturnType<typeof given>) => ({
    ...{ ...rest, cause: error.cause, b: error.b, shownKeys: Object.keys(error) },
    ...{ byActor: [...rest.byActor], all: [...rest.all], keys: Object.keys(rest) },
  });

  test("is put in its place at once", () => {
    const later = (text: string, put: (value: unknown) => void) => put(text === "a" ? a : b);
    const back = decode(encode(given(), { reference }), { later }) as ReturnType<typeof given>;
    expect(shown(back)).toStrictEqual(shown(given()));
    expect(Object.getPrototypeOf(back.__actor__)).toBe(Object.prototype);
    expect(decode(encode(a, { reference }), { later })).toBe(a);
  });

  test("is put in its place later, in any order, and each order of a Map and a Set is kept", () => {
    const puts: (() => void)[] = [];
    const later = (text: string, put: (value: unknown) => void) => {
      puts.push(() => put(text === "a" ? a : b));
    };
    const back = decode(encode(given(), { reference }), { later }) as ReturnType<typeof given>;
    expect(back.actor).toBe(undefined);
    expect([...back.byActor.keys()]).toEqual(["first", "last"]);
    expect([...back.all]).toEqual(["first", new Set(), "last"]);
    for (const put of puts.toReversed()) {
      put();
      put();
    }
    expect(shown(back)).toStrictEqual(shown(given()));
    for (const put of puts) put();
    expect(shown(back)).toStrictEqual(shown(given()));
  });

  test("is asked for once a place, and for no plain object and no array", () => {
    const asked: object[] = [];
    const note = (value: object) => {
      asked.push(value);
      return reference(value);
    };
    encode({ a: [{ b: a }], d: new Date(0), at: a }, { reference: note });
    expect(asked).toEqual([a, new Date(0), a]);
    expect(() => encode({ a: new Actor("a") })).toThrow("an instance of the class Actor");
  });

  test("cannot be a part of a BSON value, since that is made at once", async () => {
    const { Code } = await import("mongodb");
    const text = encode(new Code("x", { a: 1 })).replace('{"a":1}', '{"@":["reference","a"]}');
    expect(() => decode(text, { later: () => undefined })).toThrow("a reference in a BSON value");
  });
});
