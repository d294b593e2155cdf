import { inspect } from "node:util";
import { LockstepError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { ownValues } from "../../mongo/bson/own-values.ts";
import { isCollectionName } from "../backup/manifest-shape.ts";
import type { SchemaContext } from "./schema-context.ts";

/** A test of one argument, and the words for what it expects. */
interface Check {
  readonly expected: string;
  readonly isFit: (value: unknown) => boolean;
}

type Fields = Readonly<Record<string, unknown>>;

const isText = (value: unknown): value is string =>
  typeof value === "string" && /^[^\0\p{Surrogate}]+$/u.test(value);
const isObject = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);
/** True for a number or one of the driver's wrappers of numbers. */
const isNumber = (value: unknown): boolean =>
  typeof value === "number" || (isObject(value) && "_bsontype" in value && !Number.isNaN(+value));
const isFlag = (value: unknown): boolean => typeof value === "boolean" || isNumber(value);
const isFalse = (value: unknown): boolean => value === false;
const isNothing = (): boolean => false;
const isOneOf = (values: readonly unknown[]) => (value: unknown) => values.includes(value);

/** True where each of these fields is missing, undefined, or valid. */
function areFit(given: Fields, fits: Readonly<Record<string, (value: unknown) => boolean>>) {
  return Object.entries(fits).every(
    ([name, isFit]) => given[name] === undefined || isFit(given[name]),
  );
}

function areKeys(value: unknown): boolean {
  const pairs = Array.isArray(value) ? value : isObject(value) ? Object.entries(value) : [];
  return (
    pairs.length > 0 &&
    pairs.every((pair: unknown) => {
      if (!Array.isArray(pair) || pair.length !== 2 || !isText(pair[0])) return false;
      return isText(pair[1]) || (isNumber(pair[1]) && Number(pair[1]) !== 0);
    })
  );
}

function isField(value: unknown): boolean {
  if (!isText(value)) return false;
  const parts = value.split(".");
  return parts[0] !== "_id" && parts.every((part) => part !== "" && !part.startsWith("$"));
}

const isLevel = isOneOf(["strict", "moderate", "off"]);
const isAction = isOneOf(["error", "warn"]);

function areIndexOptions(value: unknown): boolean {
  if (!isObject(value) || !isText(value["name"]) || value["name"] === "*") return false;
  return areFit(value, {
    ...{ unique: isFlag, sparse: isFlag, hidden: isFlag, expireAfterSeconds: isNumber },
    ...{ partialFilterExpression: isObject, collation: isObject, weights: isObject },
    ...{ default_language: isText, wildcardProjection: isObject },
  });
}

function areCollectionOptions(value: unknown): boolean {
  if (value === undefined) return true;
  return (
    isObject(value) &&
    areFit(value, {
      ...{ validator: isObject, validationLevel: isLevel, validationAction: isAction },
      ...{ collation: isObject, clusteredIndex: isObject, expireAfterSeconds: isNumber },
      changeStreamPreAndPostImages: isObject,
      // No step may touch such a collection afterwards, so none makes one.
      ...{ capped: isFalse, timeseries: isNothing, viewOn: isNothing },
    })
  );
}

function isApplication(value: unknown): boolean {
  if (!isObject(value) || !areFit(value, { filter: isObject })) return false;
  const { update, change, types } = value;
  if (change === undefined) return Array.isArray(update) && update.every(isObject);
  const isKnown = isOneOf([undefined, "plain", "bson"])(types);
  return typeof change === "function" && update === undefined && isKnown;
}

/** True for a name of a collection that a step may use. Pure. */
export function isStepCollection(value: unknown): value is string {
  return isCollectionName(value) && !value.includes("$");
}

const collection: Check = {
  expected: 'the name of a collection, without "$"',
  isFit: isStepCollection,
};
const field: Check = {
  expected: 'a field or a dotted path without "$", and nothing of _id',
  isFit: isField,
};
const indexName: Check = { expected: "the name of an index", isFit: isText };

/** The arguments of each operation. */
const operations: Readonly<Record<string, readonly Check[]>> = {
  addCollection: [
    collection,
    {
      expected: "options of a collection with values of the right type",
      isFit: areCollectionOptions,
    },
  ],
  dropCollection: [collection],
  renameCollection: [collection, collection],
  setValidator: [
    collection,
    // A missing validator is refused: it could mean none, and would remove the present one.
    { expected: "a validator, or null", isFit: (value) => value === null || isObject(value) },
    {
      expected: "a level and an action of the server",
      isFit: (value) =>
        value === undefined ||
        (isObject(value) && areFit(value, { level: isLevel, action: isAction })),
    },
  ],
  addIndex: [
    collection,
    {
      expected: "fields with 1, -1 or a kind of index each, as an object or as pairs",
      isFit: areKeys,
    },
    {
      expected: "options of an index with its name and values of the right type",
      isFit: areIndexOptions,
    },
  ],
  dropIndex: [collection, indexName],
  renameField: [collection, field, field],
  removeField: [collection, field],
  applyToCollection: [
    collection,
    {
      expected: "either a pipeline as update or a function as change, with a filter or none",
      isFit: isApplication,
    },
  ],
  transaction: [{ expected: "a function", isFit: (value) => typeof value === "function" }],
};

/** @throws LockstepError `bad-argument` */
function requireFit(operation: string, { expected, isFit }: Check, value: unknown): void {
  if (isFit(value)) return;
  const isString = typeof value === "string";
  const got = isString
    ? JSON.stringify(value)
    : inspect(value, { breakLength: Number.POSITIVE_INFINITY });
  throw new LockstepError(
    "bad-argument",
    `${operation}: expected ${expected}, got ${got.slice(0, limits.printedBytesMax)}`,
  );
}

/** @throws LockstepError `bad-argument` */
export function requireCollectionName(operation: string, name: unknown): void {
  requireFit(operation, collection, name);
}

/**
 * A context that checks the arguments of each operation before it begins, since plain JavaScript has no types. The
 * application's copy of the driver may be another one than Lockstep's.
 */
export function withArgumentsJudged(context: SchemaContext): SchemaContext {
  const judged = Object.entries(operations).map(([name, checks]) => {
    const act = context[name as keyof SchemaContext] as (...given: unknown[]) => unknown;
    const judgedAct = (...given: unknown[]) => {
      for (const [index, check] of checks.entries()) requireFit(name, check, given[index]);
      return act(...given.map(ownValues));
    };
    return [name, judgedAct];
  });
  return { ...context, ...Object.fromEntries(judged) };
}
