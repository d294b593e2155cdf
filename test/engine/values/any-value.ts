// Random values that mix every type of which an actor's context may consist.

import fc from "fast-check";
import { BSON, Decimal128, Double, Int32, Long, ObjectId, Timestamp } from "mongodb";

const bytes = fc.uint8Array({ maxLength: 12 });

const oddKey = fc.constantFrom(
  "@",
  "__proto__",
  "",
  "a.b",
  "$set",
  "constructor",
  "toJSON",
  "length",
);
const key = fc.oneof({ weight: 3, arbitrary: fc.string({ unit: "binary" }) }, oddKey);

const halfPair = fc.constantFrom("\ud800", "\udfff@", '{"@":"NaN"}');

const errorTypes = [Error, TypeError, RangeError, SyntaxError] as const;

const viewTypes: readonly (new (buffer: ArrayBuffer) => ArrayBufferView)[] = [
  ...[Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array],
  ...[Uint32Array, Float32Array, Float64Array, BigInt64Array, BigUint64Array, DataView],
];

const view = fc
  .tuple(fc.constantFrom(...viewTypes), fc.uint8Array({ minLength: 16, maxLength: 16 }))
  .map(([Type, content]) => new Type(content.slice().buffer));

const bson = fc.oneof(
  fc.uint8Array({ minLength: 12, maxLength: 12 }).map((id) => new ObjectId(id)),
  fc
    .tuple(fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }), fc.boolean())
    .map(([bits, unsigned]) => Long.fromBigInt(bits, unsigned)),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((bits) => new Timestamp(bits)),
  fc.integer().map((value) => new Int32(value)),
  fc.double().map((value) => new Double(value)),
  fc
    .tuple(fc.integer(), fc.integer({ min: -99, max: 99 }))
    .map(([digits, exponent]) => Decimal128.fromString(`${digits}E${exponent}`)),
  fc.uuid().map((text) => new BSON.UUID(text)),
);

const leaf = fc.oneof(
  fc.string({ unit: "binary" }),
  halfPair,
  fc.boolean(),
  fc.double(),
  fc.integer(),
  fc.constantFrom<unknown>(null, undefined, -0),
  fc.bigInt(),
  fc.date({ noInvalidDate: false }),
  fc.webUrl().map((text) => new URL(text)),
  fc
    .constantFrom("a+", "[/]", "(?<n>b)")
    .chain((source) =>
      fc.constantFrom("", "g", "iu", "sy").map((flags) => new RegExp(source, flags)),
    ),
  bytes,
  bytes.map((content) => Buffer.from(content)),
  bytes.map((content) => content.slice().buffer),
  view,
  bson,
);

type Entries = readonly (readonly [string, unknown])[];

function define(holder: object, entries: Entries): object {
  for (const [name, value] of entries) {
    if (Array.isArray(holder) && name === "length") continue;
    Object.defineProperty(holder, name, {
      ...{ value, enumerable: true, writable: true, configurable: true },
    });
  }
  return holder;
}

/** Any value that can be kept. */
export function anyValue(): fc.Arbitrary<unknown> {
  return fc.letrec<{ value: unknown }>((tie) => {
    const value = tie("value");
    const list = fc.array(value, { maxLength: 4 });
    const entries = fc.array(fc.tuple(key, value), { maxLength: 4 });
    const sparse = fc
      .tuple(list, fc.array(fc.nat(9), { maxLength: 4 }), entries)
      .map(([items, holes, extra]) => {
        const array = [...items, 0];
        for (const index of holes) if (index < array.length) Reflect.deleteProperty(array, index);
        return define(array, extra);
      });
    const error = fc
      .tuple(fc.constantFrom(...errorTypes), fc.string(), value, entries)
      .map(([Type, message, cause, extra]) =>
        define(Object.assign(new Type(message, { cause }), { stack: `at ${message}` }), extra),
      );
    return {
      value: fc.oneof(
        { maxDepth: 4, depthIdentifier: "value" },
        { weight: 4, arbitrary: leaf },
        entries.map((each) => define({}, each)),
        entries.map((each) => define(Object.create(null), each)),
        list,
        sparse,
        fc.array(fc.tuple(value, value), { maxLength: 4 }).map((each) => new Map(each)),
        list.map((each) => new Set(each)),
        error,
        fc
          .tuple(list, fc.string())
          .map(([each, message]) =>
            Object.assign(new AggregateError(each, message), { stack: "at" }),
          ),
      ),
    };
  }).value;
}
