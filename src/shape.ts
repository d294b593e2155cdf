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
  return typeof value === "number" || typeof value === "boolean" ? String(value) : "an object";
}

function isA(what: string, holds: (value: unknown) => boolean): Shape {
  return (value, path) =>
    holds(value) ? null : `${path}: expected ${what}, found ${described(value)}`;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export const anything: Shape = () => null;
export const text = isA("a text", (value) => typeof value === "string");
export const flag = isA("true or false", (value) => typeof value === "boolean");
export const figure = isA("a number", Number.isFinite);
export const count = isA(
  "a whole number from 0",
  (value) => Number.isSafeInteger(value) && (value as number) >= 0,
);

export function oneOf(...values: readonly string[]): Shape {
  return isA(`one of ${values.join(", ")}`, (value) => values.includes(value as string));
}

export function nullable(shape: Shape): Shape {
  return (value, path) => (value === null ? null : shape(value, path));
}

export function optional(shape: Shape): Shape {
  return (value, path) => (value === undefined ? null : shape(value, path));
}

function first(troubles: Iterable<string | null>): string | null {
  for (const trouble of troubles) if (trouble !== null) return trouble;
  return null;
}

export function list(shape: Shape): Shape {
  const isList = isA("a list", Array.isArray);
  return (value, path) =>
    isList(value, path) ??
    first((value as unknown[]).map((item, index) => shape(item, `${path}[${index}]`)));
}

const someObject = isA("an object", isObject);

/** An object with any keys, whose values are all alike. */
export function record(shape: Shape): Shape {
  return (value, path) =>
    someObject(value, path) ??
    first(Object.entries(value as object).map(([key, held]) => shape(held, `${path}.${key}`)));
}

/** An object with these fields. Other fields may be there. */
export function fields<Value>(shapes: { readonly [Key in keyof Value]-?: Shape }): Shape {
  const known = Object.entries(shapes) as [string, Shape][];
  return (value, path) =>
    someObject(value, path) ??
    first(
      known.map(([key, shape]) =>
        shape(
          (value as Readonly<Record<string, unknown>>)[key],
          path === "" ? key : `${path}.${key}`,
        ),
      ),
    );
}
