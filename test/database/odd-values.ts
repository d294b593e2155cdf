import { documentOf, type RawElement } from "../../src/mongo/bson/elements.ts";

const bytesOf = (...parts: readonly (Uint8Array | readonly number[] | string)[]) =>
  Buffer.concat(parts.map((part) => Buffer.from(part as string)));

/** An element of a document; the name may be any bytes. */
export function element(
  name: string | Uint8Array,
  type: number,
  ...parts: readonly (Uint8Array | readonly number[] | string)[]
): RawElement {
  return { type, name: Buffer.from(name as string), value: bytesOf(...parts) };
}

export function int64(value: bigint): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(value);
  return bytes;
}

export function double(value: number): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return bytes;
}

export function int32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}

/** A string of any bytes. */
export function string(text: string | Uint8Array): Uint8Array {
  const held = Buffer.from(text as string);
  return bytesOf(int32(held.length + 1), held, [0]);
}

const scope = documentOf([element("n", 18, int64(5n))]);
const code = string("f()");
const twice = documentOf([element("a", 16, int32(1)), element("a", 16, int32(2))]);

/** Values that JavaScript cannot hold, or that it writes otherwise than it has read them; as type and bytes. */
export const oddValues: Readonly<Record<string, readonly [number, Uint8Array]>> = {
  "a DBPointer": [12, bytesOf(string("c"), Buffer.alloc(12, 3))],
  "a date after all that JavaScript has": [9, int64(8_640_000_000_000_001n)],
  "a date long before": [9, int64(-(2n ** 62n))],
  "a name twice": [3, twice],
  "a string that is no UTF-8": [2, string(Uint8Array.of(0x61, 0xff))],
  "a string cut short in a character": [2, string(Uint8Array.of(0x61, 0xc3))],
  "a string that begins with a mark": [2, string(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61))],
  "a name that is no UTF-8": [3, documentOf([element(Uint8Array.of(0xff), 8, [1])])],
  "a symbol": [14, string("s")],
  code: [13, code],
  "code with a scope": [15, bytesOf(int32(4 + code.length + scope.length), code, scope)],
  "a reference": [3, documentOf([element("$ref", 2, string("c")), element("$id", 18, int64(5n))])],
  "names like integers": [
    3,
    documentOf([element("b", 8, [1]), element("2", 8, [1]), element("1", 8, [0])]),
  ],
  "an undefined within": [3, documentOf([element("a", 6)])],
  "an empty timestamp": [17, Buffer.alloc(8)],
  "a long": [18, int64(5n)],
  "a long beyond numbers": [18, int64(2n ** 60n)],
  "a double without a fraction": [1, double(7)],
  "no number": [1, double(Number.NaN)],
  "bytes of the old kind": [5, bytesOf(int32(6), [2], int32(2), [1, 2])],
  "an empty name": [3, documentOf([element("", 8, [1])])],
  "the least of all": [255, Buffer.alloc(0)],
  "the greatest of all": [127, Buffer.alloc(0)],
  nothing: [10, Buffer.alloc(0)],
};
