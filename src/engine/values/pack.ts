import { limits } from "../../limits.ts";
import { valueOfOtherDriver } from "./kinds/bson-kinds.ts";
import { tag } from "./kinds/kind.ts";
import { kindOf, nativeClassOf } from "./kinds/kinds.ts";
import { refusedInstance, refusedPrimitive } from "./refusal.ts";
import { pathAt, refused, refuseProperties, refuseSymbols, spend, type Walk } from "./walk.ts";

const tagged = (...content: readonly unknown[]): object => ({ [tag]: content });

const constant = (name: string): object => ({ [tag]: name });
const undefinedForm = constant("undefined");
const numberForms = new Map(
  [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY].map((each) => [
    each,
    constant(String(each)),
  ]),
);
const minusZeroForm = constant("-0");

/**
 * The JSON form of a value. A value without types of its own is its own form, so that nothing is copied.
 * @throws LockstepError `value-not-kept`
 */
export function pack(value: unknown, walk: Walk): unknown {
  switch (typeof value) {
    case "string":
      spend(walk, value.length + 2);
      return value;
    case "boolean":
      return value;
    case "number":
      if (value === 0) return Object.is(value, -0) ? minusZeroForm : value;
      return Number.isFinite(value) ? value : numberForms.get(value);
    case "undefined":
      return undefinedForm;
    case "bigint":
      return tagged("bigint", String(value));
    case "object":
      return value === null ? null : packObject(value, walk);
    case "function":
    case "symbol":
      throw refused(walk, refusedPrimitive(value));
  }
}

function packObject(object: object, walk: Walk): unknown {
  const { above, depth, steps } = walk;
  for (let index = 0; index < depth; index += 1) {
    if (above[index] !== object) continue;
    const found = `the object at ${pathAt(walk, index)}, which holds it`;
    throw refused(walk, { found, next: "write an id in its place" });
  }
  if (depth === limits.valueDepthMax) {
    const found = `more than ${depth} levels`;
    throw refused(walk, { found, next: "write a list or a Map of records with ids" });
  }
  spend(walk, 2);
  above[depth] = object;
  steps[depth] = undefined;
  walk.depth = depth + 1;
  const packed = Array.isArray(object) ? packArray(object, walk) : packHolder(object, walk);
  walk.depth = depth;
  return packed;
}

function packArray(list: readonly unknown[], walk: Walk): unknown {
  const prototype: object | null = Object.getPrototypeOf(list);
  const isKnown =
    prototype === Array.prototype || (prototype && nativeClassOf(prototype) === "Array");
  if (!isKnown) throw refused(walk, refusedInstance(list));
  refuseSymbols(list, walk);
  const { length } = list;
  if (Object.keys(list).length !== length) return packSparse(list, walk);
  spend(walk, length - 1);
  let copy: unknown[] | null = null;
  for (let index = 0; index < length; index += 1) {
    const value = list[index];
    if (value === undefined && !Object.hasOwn(list, index)) return packSparse(list, walk);
    walk.steps[walk.depth - 1] = index;
    const packed = pack(value, walk);
    if (packed !== value) copy ??= firstOf(list, index);
    if (copy) copy[index] = packed;
  }
  return copy ?? list;
}

/** A copy of the first elements. The method `slice` would ask the array for a constructor. */
const firstOf = (list: readonly unknown[], count: number): unknown[] =>
  Array.from({ length: count }, (_, index) => list[index]);

/** An array with holes, or with properties beside its elements, as the result of `match` has. */
function packSparse(list: readonly unknown[], walk: Walk): object {
  return tagged("Array", list.length, packProperties({ ...list }, walk));
}

function packHolder(object: object, walk: Walk): unknown {
  const prototype: object | null = Object.getPrototypeOf(object);
  if (prototype === Object.prototype) return packPlain(object, walk);
  const text = walk.reference?.(object) ?? null;
  if (text !== null) return tagged("reference", text);
  if (prototype === null) return tagged("null", packProperties(object, walk));
  const form = packInstance(object, prototype, walk);
  if (form) return form;
  const own = valueOfOtherDriver(object);
  if (own) return packHolder(own, walk);
  if (nativeClassOf(prototype) === "Object") return packPlain(object, walk);
  throw refused(walk, refusedInstance(object));
}

function packInstance(object: object, prototype: object, walk: Walk): object | null {
  const kind = kindOf(prototype);
  if (!kind) return null;
  if (kind.isBare) refuseProperties(object, kind.name, walk);
  spend(walk, kind.name.length + 8);
  const parts = kind.parts(object, (part, step) => {
    walk.steps[walk.depth - 1] = step;
    return pack(part, walk);
  });
  return tagged(kind.name, ...parts);
}

function packPlain(object: object, walk: Walk): object {
  const packed = packProperties(object, walk);
  return Object.hasOwn(object, tag) ? tagged("Object", packed) : packed;
}

/** The object itself, or a copy if a property has another form. */
function packProperties(object: object, walk: Walk): object {
  refuseSymbols(object, walk);
  const given = object as Readonly<Record<string, unknown>>;
  let copy: Record<string, unknown> | null = null;
  for (const key in given) {
    if (walk.isEachObjectChanged && !Object.hasOwn(given, key)) continue;
    walk.steps[walk.depth - 1] = key;
    spend(walk, key.length + 3);
    const value = given[key];
    const packed = pack(value, walk);
    if (packed === value) continue;
    copy ??= { ...given };
    copy[key] = packed;
  }
  return copy ?? object;
}
