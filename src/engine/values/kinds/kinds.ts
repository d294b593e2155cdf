import { basicKinds } from "./basic-kinds.ts";
import { bsonKinds } from "./bson-kinds.ts";
import { byteKinds } from "./byte-kinds.ts";
import { errorKinds } from "./error-kinds.ts";
import type { Kind } from "./kind.ts";

const platformKinds = [...basicKinds, ...errorKinds, ...byteKinds];
const kinds = [...platformKinds, ...bsonKinds];

const byName = new Map(kinds.map((each) => [each.name, each]));
const byPrototype = new Map(kinds.map((each) => [each.prototype, each]));
const platformByName = new Map(platformKinds.map((each) => [each.name, each]));

/** The kind with this name in a tag. */
export function kindOfName(name: string): Kind | undefined {
  return byName.get(name);
}

const native = /\{ \[native code\] \}$/;

/**
 * The name of the class of the language to which a prototype belongs, also if it comes from another context of
 * `node:vm`: test runners use them.
 */
export function nativeClassOf(prototype: object): string | null {
  const type: unknown = Object.getOwnPropertyDescriptor(prototype, "constructor")?.value;
  if (typeof type !== "function" || type.prototype !== prototype) return null;
  return native.test(Function.prototype.toString.call(type)) ? type.name : null;
}

/** The kind of the objects that have this prototype itself. A class that extends another has a prototype of its own. */
export function kindOf(prototype: object): Kind | undefined {
  const own = byPrototype.get(prototype);
  if (own) return own;
  const name = nativeClassOf(prototype);
  return name === null ? undefined : platformByName.get(name);
}
