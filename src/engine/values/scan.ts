import { limits } from "../../limits.ts";
import { tag } from "./kinds/kind.ts";

/** The answer for a value that is no plain JSON. */
const notPlain = -1;

/**
 * True for a value whose JSON text says everything: it has no types of its own, no holes and no cycles. Most values
 * are so, and this look is several times as fast as the way through `pack`, which finds the place of any trouble. It may answer
 * false for one that is plain: `pack` gives the same text.
 */
export function isPlain(value: unknown): boolean {
  return scanValue(value, 0, limits.valueBytesMax) >= 0;
}

/**
 * @param room characters that the text may still have; each value takes no more of them than its text has
 * @returns the room that is left, or less than 0
 */
function scanValue(value: unknown, depth: number, room: number): number {
  switch (typeof value) {
    case "string":
      return room - value.length - 2;
    case "boolean":
      return room - 1;
    case "number":
      return Number.isFinite(value) && !Object.is(value, -0) ? room - 1 : notPlain;
    case "object":
      return value === null ? room - 1 : scanObject(value, depth, room - 2);
    case "bigint":
    case "function":
    case "symbol":
    case "undefined":
      return notPlain;
  }
}

function scanObject(object: object, depth: number, room: number): number {
  if (depth === limits.valueDepthMax || room < 0) return notPlain;
  if (Object.getOwnPropertySymbols(object).length > 0) return notPlain;
  const prototype = Object.getPrototypeOf(object);
  if (Array.isArray(object)) {
    return prototype === Array.prototype ? scanArray(object, depth, room) : notPlain;
  }
  if (prototype !== Object.prototype) return notPlain;
  let left = room;
  for (const key in object) {
    if (key === tag) return notPlain;
    const value = (object as Readonly<Record<string, unknown>>)[key];
    left = scanValue(value, depth + 1, left - key.length - 3);
    if (left < 0) return notPlain;
  }
  return left;
}

function scanArray(list: readonly unknown[], depth: number, room: number): number {
  const { length } = list;
  if (Object.keys(list).length !== length) return notPlain;
  let left = room - length + 1;
  // A hole is undefined too.
  for (let index = 0; index < length; index += 1) {
    left = scanValue(list[index], depth + 1, left);
    if (left < 0) return notPlain;
  }
  return left;
}
