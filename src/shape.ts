/**
 * Checks a value that was read from a database or a disk. It returns null, or what is wrong: the path, what was
 * expected, and what was found.
 */
export type Shape = (value: unknown, path: string) => string | null;

const foundLength = 40;

/** A value in a few words, for a message. Pure. */
export function described(value: unknown): string {
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "string") {
    const short = value.length > foundLength ? `${value.slice(0, foundLength)}…` : value;
    return JSON.stringify(short);
  }
  if (typeof value === "function") return "a function";
  return typeof value === "number" || typeof value === "boolean" ? String(value) : "an object";
}

/** A value for which a condition holds. */
export function isA(what: string, holds: (value: unknown) => boolean): Shape {
  return (value, path) =>
    holds(value) ? null : `${path}: expected ${what}, found ${described(value)}`;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export const anything: Shape = () => null;
export const text = isA("a text", (value) => typeof value === "string");
export const nonEmpty = isA(
  "a text that is not empty",
  (value) => typeof value === "string" && value !== "",
);
export const flag = isA("true or false", (value) => typeof value === "boolean");
export const callable = isA("a function", (value) => typeof value === "function");
export const figure = isA("a number", Number.isFinite);
export const count = isA(
  "a whole number from 0",
  (value) => Number.isSafeInteger(value) && (value as number) >= 0,
);

export function wholeWithin(least: number, most: number): Shape {
  const isWithin = (value: unknown) => Number(value) >= least && Number(value) <= most;
  return isA(
    `a whole number from ${least} to ${most}`,
    (value) => Number.isSafeInteger(value) && isWithin(value),
  );
}

export function oneOf(...values: readonly string[]): Shape {
  return isA(`one of ${values.join(", ")}`, (value) => values.includes(value as string));
}

export function nullable(shape: Shape): Shape {
  return (value, path) => (value === null ? null : shape(value, path));
}

export function optional(shape: Shape): Shape {
  return (value, path) => (value === undefined ? null : shape(value, path));
}

export function list(shape: Shape): Shape {
  const isList = isA("a list", Array.isArray);
  return (value, path) => {
    const trouble = isList(value, path);
    if (trouble !== null) return trouble;
    for (const [index, item] of (value as unknown[]).entries()) {
      if (shape(item, "") !== null) return shape(item, `${path}[${index}]`);
    }
    return null;
  };
}

const someObject = isA("an object", isObject);

/** An object with any keys, whose values are all alike. */
export function record(shape: Shape): Shape {
  return (value, path) => {
    const trouble = someObject(value, path);
    if (trouble !== null) return trouble;
    for (const [key, held] of Object.entries(value as object)) {
      if (shape(held, "") !== null) return shape(held, `${path}.${key}`);
    }
    return null;
  };
}

/** An object with these fields. Other fields may be there. */
export function fields<Value>(shapes: { readonly [Key in keyof Value]-?: Shape }): Shape {
  const known = Object.entries(shapes) as [string, Shape][];
  return (value, path) => {
    const trouble = someObject(value, path);
    if (trouble !== null) return trouble;
    const object = value as Readonly<Record<string, unknown>>;
    for (const [key, shape] of known) {
      // The path is written only where something is wrong: paths of all fields cost more than the checks.
      if (shape(object[key], "") !== null) {
        return shape(object[key], path === "" ? key : `${path}.${key}`);
      }
    }
    return null;
  };
}
