import { elementsOf, type RawElement, type TypedBytes } from "../../../mongo/bson/elements.ts";
import { bsonType } from "../../../mongo/bson/raw-bson.ts";

const textOf = (name: Uint8Array) => Buffer.from(name).toString("utf8");

/** The elements of a read document or array, under the names by which the step got them. */
export function originalsOf(source: TypedBytes | undefined): ReadonlyMap<string, RawElement> {
  const isArray = source?.type === bsonType.array;
  const originals = new Map<string, RawElement>();
  for (const [index, element] of (source ? elementsOf(source.value) : []).entries()) {
    const name = isArray ? String(index) : textOf(element.name);
    if (!originals.has(name)) originals.set(name, element);
  }
  return originals;
}

/** Names in the order of a JavaScript object's keys. */
export function objectOrder(names: Iterable<string>): readonly string[] {
  return Object.keys(Object.fromEntries([...names].map((name) => [name, null])));
}

/** The fields of a document or an array as the step returns it. */
export function fieldsOf(value: object): readonly (readonly [string, PropertyDescriptor])[] {
  if (value instanceof Map) {
    return [...value].map(([name, held]) => [String(name), { value: held }] as const);
  }
  // The length gives the indexes, since iterating over the elements would count as reading them.
  const names = Array.isArray(value)
    ? Array.from({ length: value.length }, (_, index) => String(index))
    : Object.keys(value);
  return names.map(
    (name) => [name, Object.getOwnPropertyDescriptor(value, name) ?? { value: undefined }] as const,
  );
}

/** Fields in the order of the original, where JavaScript has changed their order and not the step. */
export function inOrder(
  fields: ReadonlyMap<string, TypedBytes>,
  originals: ReadonlyMap<string, RawElement>,
): readonly string[] {
  const names = [...fields.keys()];
  const kept = [...originals.keys()].filter((name) => fields.has(name));
  const given = names.filter((name) => originals.has(name));
  const isByJavaScript = objectOrder(kept).every((name, index) => given[index] === name);
  const isMoved = kept.some((name, index) => given[index] !== name);
  return isByJavaScript && isMoved
    ? [...kept, ...names.filter((name) => !originals.has(name))]
    : names;
}
