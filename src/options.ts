import { LockstepError } from "./errors.ts";
import { described, type Shape } from "./shape.ts";

/** The check of each option of a call. An option that is `undefined` counts as left out. */
export type OptionShapes<Options> = { readonly [Name in keyof Options]-?: Shape };

/** True for an object that is written as options, and not for an instance of a class, which has fields of its own. */
function isLiteral(given: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(given);
  return prototype === Object.prototype || prototype === null;
}

/** The first thing that is wrong, or null. */
function troubleOf(given: unknown, shapes: Readonly<Record<string, Shape>>): string | null {
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    return `expected an object of options, found ${described(given)}`;
  }
  const names = isLiteral(given) ? Object.keys(given) : [];
  const unknown = names.find(
    (name) => !Object.hasOwn(shapes, name) && Reflect.get(given, name) !== undefined,
  );
  if (unknown !== undefined) {
    return `expected options of the names ${Object.keys(shapes).join(", ")}, found "${unknown}"`;
  }
  for (const [name, shape] of Object.entries(shapes)) {
    const value: unknown = Reflect.get(given, name);
    const trouble = value === undefined ? null : shape(value, name);
    if (trouble !== null) return trouble;
  }
  return null;
}

/**
 * Refuses an option that a call does not know, or that is of another kind. Callers without types may give anything: a name that is
 * misspelt would count as left out, and the text "false" as true.
 * @param call its name, for the message
 * @throws LockstepError `bad-argument`
 */
export function checkOptions<Options>(
  call: string,
  given: unknown,
  shapes: OptionShapes<Options>,
): void {
  const trouble = troubleOf(given, shapes);
  if (trouble === null) return;
  throw new LockstepError("bad-argument", `${call}: ${trouble}: correct it`);
}
