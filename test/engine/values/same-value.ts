// A comparison that knows nothing of the codec: prototypes, all own properties in their order, and contents.
import { inspect, types } from "node:util";

/** The contents that are no properties. */
function contentOf(value: object): readonly unknown[] {
  if (types.isDate(value)) return [value.getTime()];
  if (types.isMap(value)) return [...value].flat();
  if (types.isSet(value)) return [...value];
  if (types.isRegExp(value)) return [value.source, value.flags];
  if (value instanceof URL) return [value.href];
  if (types.isArrayBuffer(value)) return [Buffer.from(value).toString("hex")];
  if (types.isDataView(value)) {
    return [Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("hex")];
  }
  // The driver keeps some contents in private fields.
  return "_bsontype" in value && !Object.hasOwn(value, "_bsontype") ? [inspect(value)] : [];
}

/** The path of the first difference, or null. */
export function differenceOf(found: unknown, wanted: unknown, path = "value"): string | null {
  if (Object.is(found, wanted)) return null;
  if (typeof found !== "object" || typeof wanted !== "object" || !found || !wanted) return path;
  if (Object.getPrototypeOf(found) !== Object.getPrototypeOf(wanted)) return `${path}: prototype`;
  if (types.isNativeError(found) !== types.isNativeError(wanted)) return `${path}: no real error`;
  const [contents, wantedContents] = [contentOf(found), contentOf(wanted)];
  if (contents.length !== wantedContents.length) return `${path}: size`;
  for (const [index, content] of contents.entries()) {
    const difference = differenceOf(content, wantedContents[index], `${path}<${index}>`);
    if (difference !== null) return difference;
  }
  return differenceOfProperties(found, wanted, path);
}

/** An error has its own hidden properties in an order of its own. */
const keysOf = (value: object): readonly (string | symbol)[] =>
  types.isNativeError(value)
    ? [...Object.keys(value), ...Object.getOwnPropertyNames(value).toSorted()]
    : Reflect.ownKeys(value);

function differenceOfProperties(found: object, wanted: object, path: string): string | null {
  const keys = keysOf(found);
  const wantedKeys = keysOf(wanted);
  if (keys.length !== wantedKeys.length || keys.some((key, index) => key !== wantedKeys[index])) {
    return `${path}: keys ${keys.map(String).join()} and ${wantedKeys.map(String).join()}`;
  }
  for (const key of keys) {
    const [property, other] = [found, wanted].map((each) =>
      Object.getOwnPropertyDescriptor(each, key),
    );
    const place = `${path}.${String(key)}`;
    if (property?.enumerable !== other?.enumerable) return `${place}: enumerable`;
    const difference = differenceOf(property?.value, other?.value, place);
    if (difference !== null) return difference;
  }
  return null;
}
