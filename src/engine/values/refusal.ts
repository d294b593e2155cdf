import { types } from "node:util";
import { cutTo, LockstepError } from "../../errors.ts";
import type { Step } from "./kinds/kind.ts";

const index = /^\d+$/;
const identifier = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u;

/** Longer keys and paths are cut in messages. */
const keyLengthMax = 64;
const pathLengthMax = 400;

function stepText(step: Step): string {
  if (typeof step === "function") return step();
  if (typeof step === "number" || index.test(step)) return `[${step}]`;
  return identifier.test(step) ? `.${cutTo(step, keyLengthMax)}` : `[${quoted(step)}]`;
}

const quoted = (text: string): string => JSON.stringify(cutTo(text, keyLengthMax));

/** The place of an entry of a Map, by its key where the key has a text. */
export function entryStep(key: unknown, index: number): Step {
  return () => {
    if (typeof key === "string") return `.get(${quoted(key)})`;
    const isHeld = (typeof key === "object" && key !== null) || typeof key === "function";
    return isHeld ? `.values()[${index}]` : `.get(${cutTo(String(key), keyLengthMax)})`;
  };
}

export const keyStep =
  (index: number): Step =>
  () =>
    `.keys()[${index}]`;

export const memberStep =
  (index: number): Step =>
  () =>
    `.values()[${index}]`;

/** The path as an application would write it: `context.user.save`. */
export function pathOf(where: string, steps: readonly (Step | undefined)[]): string {
  let path = where;
  for (const step of steps) {
    if (step === undefined || path.length > pathLengthMax) break;
    path += stepText(step);
  }
  return cutTo(path, pathLengthMax);
}

/** The error of a value that cannot be kept. */
export function notKept(path: string, found: string, next: string, cause?: unknown): LockstepError {
  return new LockstepError(
    "value-not-kept",
    `expected a value that can be kept at ${path}, found ${found}: ${next}`,
    { path, found },
    { cause },
  );
}

/** The reason why a value cannot be kept, and the way to write it instead. */
export interface Refusal {
  readonly found: string;
  readonly next: string;
}

const plain = (name: string): string =>
  `write its data as a plain object, and make the ${name} where it is used`;

const weak = "write a Map or a Set of ids";

const stream = "read it to its end in a task, and write the result";

/** By the name of the class. */
const advice: Readonly<Record<string, string>> = {
  Promise: "invoke it as a task (`fromPromise`), and write its result",
  WeakMap: weak,
  WeakRef: weak,
  WeakSet: weak,
  Boolean: "write the primitive value",
  Number: "write the primitive value",
  String: "write the primitive value",
  BigInt: "write the primitive value",
  Symbol: "write a string",
  SharedArrayBuffer: "write an ArrayBuffer, since no memory is shared after a crash",
  Generator: stream,
  AsyncGenerator: stream,
  ReadableStream: stream,
};

/** The refusal of a value that is no object. */
export function refusedPrimitive(value: unknown): Refusal {
  if (typeof value === "symbol") {
    return { found: `the symbol ${String(value)}`, next: "write a string" };
  }
  return {
    found: "a function",
    next: "write data, and name the behaviour in the machine's setup (actions, guards, actors)",
  };
}

function classNameOf(value: object): string {
  const type: unknown = value.constructor;
  if (typeof type === "function") return type.name;
  // A generator has no class, but a name of its kind: `[object Generator]`.
  const name = Object.prototype.toString.call(value).slice("[object ".length, -1);
  return name === "Object" ? "" : name;
}

/** The refusal of an object whose class is not one of those that are kept. */
export function refusedInstance(value: object): Refusal {
  const name = classNameOf(value);
  if (name === "Object") {
    return { found: "an object whose prototype is an object of its own", next: plain("object") };
  }
  if (name === "") return { found: "an instance of a class without a name", next: plain("object") };
  if (Object.hasOwn(advice, name)) {
    const kindOfIt = types.isBoxedPrimitive(value) ? `a ${name} object` : `a ${name}`;
    return { found: kindOfIt, next: advice[name] ?? "" };
  }
  if (types.isNativeError(value)) {
    return {
      found: `an error of the class ${name}`,
      next: "write an Error with its name, message and fields, since a guard could not tell its class after a crash",
    };
  }
  return { found: `an instance of the class ${name}`, next: plain(name) };
}
