import { limits } from "../../limits.ts";
import type { Step } from "./kinds/kind.ts";
import { notKept, pathOf, type Refusal } from "./refusal.ts";

/** One walk through a value. */
export interface Walk {
  /** The objects above the place, as many as `depth`, and the steps from each to the next. */
  readonly above: object[];
  readonly steps: (Step | undefined)[];
  depth: number;
  /** The characters that the text may still have. Each value takes no more of them than its text has. */
  room: number;
  readonly isEachObjectChanged: boolean;
  readonly where: string;
  readonly reference: ((value: object) => string | null) | undefined;
}

/** True where some code has given all objects an enumerable property: a loop over keys then shows it too. */
export function isEachObjectChanged(): boolean {
  for (const _ in {}) return true;
  return false;
}

/** The path of the object at a depth of the walk. */
export function pathAt({ where, steps }: Walk, depth: number): string {
  return pathOf(where, steps.slice(0, depth));
}

/** The error of the value at which a walk stands. */
export function refused(walk: Walk, { found, next }: Refusal, cause?: unknown): Error {
  return notKept(pathAt(walk, walk.depth), found, next, cause);
}

/** The error of a whole value whose text would be too long. */
export function tooLarge(where: string): Error {
  const found = `one whose text has more than the ${limits.valueBytesMax} bytes of the limit`;
  return notKept(where, found, "keep large data in a collection of your own, and write its id");
}

/** Takes characters from the room of a walk, so that a value that holds many objects many times has an end. */
export function spend(walk: Walk, characters: number): void {
  walk.room -= characters;
  if (walk.room < 0) throw tooLarge(walk.where);
}

/** Refuses own properties of an object whose parts do not hold them. */
export function refuseProperties(object: object, name: string, walk: Walk): void {
  refuseSymbols(object, walk);
  const [property] = Object.keys(object);
  if (property === undefined) return;
  const found = `a ${name} with the property "${property}"`;
  throw refused(walk, { found, next: `write an object with the ${name} and the property` });
}

/** Refuses properties with symbols as keys. A library may hide some for itself: those are left out. */
export function refuseSymbols(object: object, walk: Walk): void {
  for (const symbol of Object.getOwnPropertySymbols(object)) {
    if (!Object.prototype.propertyIsEnumerable.call(object, symbol)) continue;
    const found = `a property with the key ${String(symbol)}`;
    throw refused(walk, { found, next: "write a string as its key" });
  }
}
