// Aim: a value that could not come back is refused with its place and with the way to write it. Method: each kind.
import { ObjectId } from "mongodb";
import { describe, expect, test } from "vitest";
import { decode } from "../../../src/engine/values/decode.ts";
import { type EncodeOptions, encode } from "../../../src/engine/values/encode.ts";
import { isLockstepError } from "../../../src/errors.ts";
import { limits } from "../../../src/limits.ts";

/** The path and the message of the refusal. */
function refusal(value: unknown, options: EncodeOptions = { where: "context" }) {
  try {
    return { path: "", message: `kept as ${encode(value, options).slice(0, 200)}` };
  } catch (error) {
    if (!isLockstepError(error, "value-not-kept")) throw error;
    return { path: error.details["path"], message: error.message, cause: error.cause };
  }
}

class Money {
  readonly cents = 5n;
}

/** Libraries have classes of these names. */
const Other = {
  Map: class {
    readonly size = 1;
  },
  Object: class {
    readonly value = 1;
  },
};

class OwnDate extends Date {}
class OwnMap extends Map<string, number> {}
class OwnList extends Array<number> {}
class OwnError extends TypeError {}
class OwnId extends ObjectId {}
class OwnBytes extends Uint8Array {}

async function* numbers() {
  yield 1;
}

describe("refused by its type", () => {
  const cases: readonly (readonly [string, unknown, string, string])[] = [
    ["a function", () => 1, "found a function", "machine's setup"],
    ["a class", Money, "found a function", "machine's setup"],
    ["a symbol", Symbol("s"), "found the symbol Symbol(s)", "write a string"],
    ["a Promise", Promise.resolve(1), "found a Promise", "fromPromise"],
    ["a WeakMap", new WeakMap(), "found a WeakMap", "a Map or a Set of ids"],
    ["a WeakSet", new WeakSet(), "found a WeakSet", "a Map or a Set of ids"],
    ["a WeakRef", new WeakRef({}), "found a WeakRef", "a Map or a Set of ids"],
    ["a Number object", Object(1), "found a Number object", "the primitive value"],
    ["a String object", Object("a"), "found a String object", "the primitive value"],
    ["a Boolean object", Object(false), "found a Boolean object", "the primitive value"],
    ["a BigInt object", Object(1n), "found a BigInt object", "the primitive value"],
    ["a Symbol object", Object(Symbol("s")), "found a Symbol object", "write a string"],
    ["a generator", numbers(), "AsyncGenerator", "in a task"],
    ["shared memory", new SharedArrayBuffer(1), "found a SharedArrayBuffer", "an ArrayBuffer"],
    ["an instance", new Money(), "an instance of the class Money", "make the Money where"],
    ["an instance without a name", new (class {})(), "a class without a name", "a plain object"],
    [
      "an object with a prototype",
      Object.create({ a: 1 }),
      "whose prototype is an object",
      "plain object",
    ],
    ["a prototype without a class", Object.create(Object.create(null)), "without a name", "plain"],
    ["an instance of another Map", new Other.Map(), "an instance of the class Map", "make the Map"],
    ["an instance of another Object", new Other.Object(), "whose prototype is", "plain object"],
    [
      "a prototype that names a class",
      Object.create({ constructor: Object }),
      "prototype",
      "plain",
    ],
    ["a Date of a class", new OwnDate(), "the class OwnDate", "plain object"],
    ["a Map of a class", new OwnMap(), "the class OwnMap", "plain object"],
    ["an array of a class", OwnList.of(1), "the class OwnList", "plain object"],
    ["bytes of a class", OwnBytes.of(1), "the class OwnBytes", "plain object"],
    ["an id of a class", new OwnId(), "the class OwnId", "plain object"],
    ["an error of a class", new OwnError("m"), "an error of the class OwnError", "write an Error"],
    ["a false error", Object.create(TypeError.prototype), "cannot be read", "plain data"],
    ["a false Date", Object.create(Date.prototype), "cannot be read", "plain data"],
    ["a Proxy of a Map", new Proxy(new Map(), {}), "cannot be read", "plain data"],
    ["parameters of a URL", new URLSearchParams("a=b"), "URLSearchParams", "plain object"],
    ["a Date with a property", Object.assign(new Date(0), { zone: 1 }), '"zone"', "an object with"],
    [
      "a Map with a property",
      Object.assign(new Map(), { a: 1 }),
      'a Map with the property "a"',
      "",
    ],
  ];
  test.each(cases)("%s", (_, value, found, next) => {
    const places: readonly (readonly [unknown, string])[] = [
      [value, "context"],
      [{ a: { deep: 1n }, user: { save: value } }, "context.user.save"],
      [{ a: [[], {}], list: [0, value] }, "context.list[1]"],
      [new Map([["k", { value }]]), 'context.get("k").value'],
      [
        new Map([
          [{}, [1]],
          [value, [2]],
        ] as [unknown, unknown][]),
        "context.keys()[1]",
      ],
      [new Map([[{}, value]]), "context.values()[0]"],
      [new Map([[5, value]]), "context.get(5)"],
      [new Set([1, value]), "context.values()[1]"],
      [new Error("m", { cause: { value } }), "context.cause.value"],
      [Object.assign(new Error("m"), { value }), "context.value"],
      [{ "a b": { "": Object.assign([], { 1: value }) } }, 'context["a b"][""][1]'],
      [Object.assign(Object.create(null), { value }), "context.value"],
    ];
    for (const [holder, path] of places) {
      const { path: place, message } = refusal(holder);
      expect(place, message).toBe(path);
      expect(message).toContain(`kept at ${path}, found `);
      expect(message).toContain(found);
      expect(message.split(": ").at(-1)).toContain(next);
    }
  });

  test("a property with a symbol as its key", () => {
    for (const value of [{ [Symbol("s")]: 1 }, Object.assign([], { [Symbol("s")]: 1 })]) {
      expect(refusal({ a: value })).toMatchObject({
        path: "context.a",
        message: expect.stringContaining("a property with the key Symbol(s): write a string"),
      });
    }
    expect(refusal(Object.assign(new Map(), { [Symbol("s")]: 1 })).path).toBe("context");
  });

  test("an accessor that throws, and a Proxy that was revoked", () => {
    const thrown = new Error("not now");
    const holder = {
      a: 1,
      get b() {
        throw thrown;
      },
    };
    expect(refusal({ x: [holder] })).toMatchObject({ path: "context.x[0].b", cause: thrown });
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    expect(refusal({ draft: proxy })).toMatchObject({
      path: "context.draft",
      message: expect.stringContaining("revoked"),
    });
  });
});

describe("refused by its shape", () => {
  test("a cycle, with both places", () => {
    const user: Record<string, unknown> = { name: "u" };
    user["friends"] = new Map([["me", [user]]]);
    expect(refusal({ a: 1, user })).toMatchObject({
      path: 'context.user.friends.get("me")[0]',
      message: expect.stringContaining("the object at context.user, which holds it: write an id"),
    });
    const list: unknown[] = [];
    list.push([list]);
    expect(refusal(list)).toMatchObject({ path: "context[0][0]" });
    const error = new Error("m");
    error.cause = error;
    expect(refusal(error, {})).toMatchObject({ path: "value.cause" });
    const set = new Set<unknown>();
    set.add({ set });
    expect(refusal(set)).toMatchObject({ path: "context.values()[0].set" });
  });

  const nested = (levels: number, inner: unknown, wrap: (value: unknown) => unknown): unknown => {
    let value = inner;
    for (let level = 0; level < levels; level += 1) value = wrap(value);
    return value;
  };
  const wraps: readonly ((value: unknown) => unknown)[] = [
    (value) => ({ value }),
    (value) => [value],
    (value) => new Map([[value, 1]]),
    (value) => new Set([value]),
    (value) => new Error("m", { cause: value }),
    (value) => Object.assign(Object.create(null), { value }),
    (value) => ({ "@": value }),
  ];
  test.each(wraps)("more levels than the limit, and far more: %o", (wrap) => {
    for (const inner of [1, -0, undefined]) {
      const most = nested(limits.valueDepthMax, inner, wrap);
      expect(encode(decode(encode(most)))).toBe(encode(most));
    }
    for (const levels of [limits.valueDepthMax + 1, 50_000]) {
      const { message } = refusal(nested(levels, 1, wrap));
      expect(message).toContain(`found more than ${limits.valueDepthMax} levels: write a list`);
      expect(message.length).toBeLessThan(1_000);
    }
  });

  test("a text that is too long", () => {
    const text = "a".repeat(limits.valueBytesMax - 2);
    expect(encode(text)).toHaveLength(limits.valueBytesMax);
    const long: readonly unknown[] = [
      ...[`${text}a`, [text, 1n], "\u20ac".repeat(limits.valueBytesMax / 3)],
      { bytes: new Uint8Array(limits.valueBytesMax) },
    ];
    for (const value of long) {
      expect(refusal(value)).toMatchObject({
        path: "context",
        message: expect.stringContaining(`more than the ${limits.valueBytesMax} bytes`),
      });
    }
  });

  const names = Array.from({ length: 100 }, (_, index) => `k${index}`);
  const shapes: readonly ((text: string) => unknown)[] = [
    (text) => ({ text }),
    (text) => [text],
    (text) => ({ a: { text }, at: new Date(0), list: [1, [], {}, null] }),
    (text) => [text, new Date(0), true, undefined],
    (text) => new Map([[{ text }, new Set([1, -0, text.length])]]),
    (text) => Object.assign(Object.create(null), { "": text, b: [new Map()] }),
    (text) => ({ "@": { "@": text } }),
    (text) => Object.assign([], { length: 3, 2: text }),
    (text) => ({
      ...Object.fromEntries(names.map((name) => [name, "x"])),
      lists: names.map((name) => [name]),
      at: 1n,
      text,
    }),
    (text) => new Set([Buffer.alloc(0), new Set(), text]),
  ];
  test.each(shapes)("a text of one byte more than the limit: %o", (shape) => {
    const room = limits.valueBytesMax - encode(shape("a".repeat(10_000_000))).length + 10_000_000;
    expect(encode(shape("a".repeat(room)))).toHaveLength(limits.valueBytesMax);
    expect(refusal(shape("a".repeat(room + 1))).path).toBe("context");
  });

  test("an object that is held so often that its text would have no end", () => {
    const bombs = [
      nested(60, { a: 1 }, (value) => ({ a: value, b: value })),
      ...[new Date(0), []].map((inner) => [
        new Date(0),
        nested(60, inner, (value) => [value, value]),
      ]),
    ];
    for (const bomb of bombs) expect(refusal(bomb).message).toContain("bytes of the limit");
  });
});
