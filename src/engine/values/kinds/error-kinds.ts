import { types } from "node:util";
import {
  defineOwn,
  type Kind,
  kind,
  type Pack,
  placeOwn,
  recordPart,
  type Unpack,
} from "./kind.ts";

/** The properties of an error that are usually not enumerable. An application may have made them so. */
const hiddenNames = ["name", "message", "stack", "cause", "errors"];

function isHidden(error: Error, name: string): boolean {
  const property = Object.getOwnPropertyDescriptor(error, name);
  return property !== undefined && !property.enumerable;
}

/** The properties of an error: first those that are not enumerable, then those that are. */
function packError(error: Error, pack: Pack): readonly unknown[] {
  if (!types.isNativeError(error)) throw new TypeError("it has the prototype of an error only");
  const given = error as unknown as Readonly<Record<string, unknown>>;
  const hidden: Record<string, unknown> = {};
  for (const name of hiddenNames) {
    if (isHidden(error, name)) hidden[name] = pack(given[name], name);
  }
  const shown: Record<string, unknown> = {};
  for (const name of Object.keys(error)) defineOwn(shown, name, pack(given[name], name));
  return Object.keys(shown).length === 0 ? [hidden] : [hidden, shown];
}

function makeError(error: Error, [hidden, shown = {}]: readonly unknown[], unpack: Unpack): Error {
  for (const name of Object.getOwnPropertyNames(error)) Reflect.deleteProperty(error, name);
  for (const [name, packed] of Object.entries(recordPart(hidden))) {
    placeOwn(error, name, unpack.open(packed), unpack, false);
  }
  for (const [name, packed] of Object.entries(recordPart(shown))) {
    placeOwn(error, name, unpack.open(packed), unpack);
  }
  return error;
}

const errorTypes = [
  Error,
  ...[EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError],
];

/** The error classes of the language. */
export const errorKinds: readonly Kind[] = [
  ...errorTypes.map((type) =>
    kind(type.name, type, packError, (parts, unpack) => makeError(new type(), parts, unpack)),
  ),
  kind("AggregateError", AggregateError, packError, (parts, unpack) =>
    makeError(new AggregateError([]), parts, unpack),
  ),
];
