import { LockstepError } from "../../../errors.ts";

/**
 * The key that marks a value with a type of its own: `{"@":["Date","2026-01-31T00:00:00.000Z"]}`. An object of the
 * application with this key is written as `{"@":["Object",{…}]}`, and the inner object is taken by the letter.
 */
export const tag = "@";

/** The place of a value in its holder, for paths. A function gives the text of a place that is no property. */
export type Step = string | number | (() => string);

/** Gives the JSON form of a part of a value. */
export type Pack = (part: unknown, step: Step) => unknown;

/** An object that is kept by reference, as it stands in a text. */
export class Reference {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export interface Unpack {
  /** Gives the value of a JSON form, or a Reference. */
  open(packed: unknown): unknown;
  /** Calls `put` with the object of a reference once that exists. */
  later(reference: Reference, put: (value: unknown) => void): void;
}

/** One type of values: its parts in a text, and the way back. */
export interface Kind {
  readonly name: string;
  readonly prototype: object;
  /** True where its objects have no enumerable properties unless the application adds some. */
  readonly isBare: boolean;
  readonly parts: (value: object, pack: Pack) => readonly unknown[];
  readonly make: (parts: readonly unknown[], unpack: Unpack) => unknown;
}

/** A kind for the direct instances of a class. */
export function kind<T extends object>(
  name: string,
  type: abstract new (...given: never[]) => T,
  parts: (value: T, pack: Pack) => readonly unknown[],
  make: Kind["make"],
): Kind {
  const prototype: object = type.prototype;
  return {
    ...{ name, prototype, isBare: false, make },
    parts: (value, pack) => parts(value as T, pack),
  };
}

/** The error of a text that `encode` has not written. */
export function brokenValue(wrong: string, cause?: unknown): LockstepError {
  return new LockstepError(
    "record-broken",
    `expected a value as the engine writes it, found ${wrong}: another program changed the actor's record, or a newer version of Lockstep wrote it; restore the record, or install that version`,
    {},
    { cause },
  );
}

/** @throws LockstepError `record-broken` */
export function textPart(part: unknown): string {
  if (typeof part !== "string") throw brokenValue(`a part of the type ${typeof part}, not a text`);
  return part;
}

/** @throws LockstepError `record-broken` */
export function numberPart(part: unknown): number {
  if (typeof part !== "number")
    throw brokenValue(`a part of the type ${typeof part}, not a number`);
  return part;
}

/** @throws LockstepError `record-broken` */
export function listPart(part: unknown): readonly unknown[] {
  if (!Array.isArray(part)) throw brokenValue("a part that is not a list");
  return part;
}

/** @throws LockstepError `record-broken` */
export function recordPart(part: unknown): Readonly<Record<string, unknown>> {
  if (typeof part !== "object" || part === null || Array.isArray(part)) {
    throw brokenValue("a part that is not an object");
  }
  return part as Readonly<Record<string, unknown>>;
}

/** Defines an own property, even `__proto__` and others that an assignment would look for in the prototype. */
export function defineOwn(holder: object, key: string, value: unknown, enumerable = true): void {
  const isFree = Object.hasOwn(holder, key) || !(key in holder);
  if (enumerable && isFree) {
    (holder as Record<string, unknown>)[key] = value;
    return;
  }
  Object.defineProperty(holder, key, { value, enumerable, writable: true, configurable: true });
}

/** Defines an own property of an object that is read. One that is kept by reference is undefined at first. */
export function placeOwn(
  holder: object,
  key: string,
  value: unknown,
  { later }: Unpack,
  enumerable = true,
): void {
  const isReference = value instanceof Reference;
  defineOwn(holder, key, isReference ? undefined : value, enumerable);
  if (isReference) later(value, (object) => defineOwn(holder, key, object, enumerable));
}
