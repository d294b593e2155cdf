import type { Document, UpdateFilter } from "mongodb";
import { LockstepError } from "../../errors.ts";
import {
  documentOf,
  fieldAt,
  type RawElement,
  type TypedBytes,
} from "../../mongo/bson/elements.ts";
import { bsonType } from "../../mongo/bson/raw-bson.ts";
import type { Application, StepDocument } from "../migration/schema-context.ts";
import type { DocumentChange } from "./collection-change.ts";
import { DocumentReading } from "./read-document.ts";
import { fieldsOf, originalsOf } from "./values/fields-of.ts";
import { heldIn, writeValue } from "./values/write-value.ts";

type Change = (document: StepDocument) => UpdateFilter<Document> | null;

const assigning = ["$set", "$setOnInsert", "$min", "$max"];
const arithmetic = ["$inc", "$mul"];
const pushing = ["$push", "$addToSet"];

/** The value at a dotted path of a document. A number in the path is an index of an array. */
function originalAt({ bytes }: DocumentReading, path: string): TypedBytes | undefined {
  let found: TypedBytes | undefined = { type: bsonType.document, value: bytes };
  for (const part of path.split(".")) {
    if (found?.type !== bsonType.document && found?.type !== bsonType.array) return undefined;
    if (found.type === bsonType.array) found = originalsOf(found).get(part);
    else found = fieldAt(found.value, part);
  }
  return found;
}

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;

/** The fields of one operator, each value as its bytes. */
function writeOperator(
  reading: DocumentReading,
  operator: string,
  operands: object,
): readonly RawElement[] {
  return fieldsOf(operands).flatMap(([path, property]) => {
    const write = () => {
      const value = heldIn(operands, property);
      const original = originalAt(reading, path);
      if (assigning.includes(operator)) {
        return writeValue(reading, value, { path, original, isStored: true });
      }
      if (pushing.includes(operator)) return writePushed(reading, value, path);
      // The result of arithmetic has a type of its own, except where the field is missing.
      const isStored = arithmetic.includes(operator) && original === undefined;
      return writeValue(reading, value, { path, original: undefined, isStored });
    };
    const written = reading.untouched(property) ?? write();
    return written ? [{ ...written, name: Buffer.from(path) }] : [];
  });
}

/**
 * The values that `$push` and the like add to an array, and the modifiers beside them, whose numbers are no values of
 * the document.
 */
function writePushed(
  reading: DocumentReading,
  value: unknown,
  path: string,
): TypedBytes | undefined {
  const place = { path, original: undefined, isStored: true };
  if (!isObject(value) || !Object.hasOwn(value, "$each")) return writeValue(reading, value, place);
  const elements = Object.entries(value).flatMap(([name, held]) => {
    const written = writeValue(reading, held, { ...place, isStored: name === "$each" });
    return written ? [{ ...written, name: Buffer.from(name) }] : [];
  });
  return { type: bsonType.document, value: documentOf(elements) };
}

/**
 * The bytes of the change that a step's function returns for a document. Unchanged values keep their bytes.
 * @throws LockstepError for a number whose type cannot be known
 */
function writeUpdate(reading: DocumentReading, update: unknown): TypedBytes {
  if (Array.isArray(update)) {
    const pipeline = writeValue(reading, update, { path: "", original: undefined, isStored: true });
    return pipeline as TypedBytes;
  }
  if (!isObject(update) || Object.keys(update).length === 0) throw notOperators();
  const elements = Object.entries(update).map(([operator, operands]) => {
    if (!operator.startsWith("$") || !isObject(operands)) throw notOperators();
    const fields = writeOperator(reading, operator, operands);
    return {
      type: bsonType.document,
      name: Buffer.from(operator),
      value: documentOf(fields),
    };
  });
  return { type: bsonType.document, value: documentOf(elements) };
}

function notOperators(): LockstepError {
  return new LockstepError("step-failed", "expected update operators ({ $set: … }) or null");
}

/** The change of single documents by a step's function. */
export function documentChange(
  application: Extract<Application, { readonly change: Change }>,
): DocumentChange {
  const { filter = {}, change, types = "plain" } = application;
  return {
    filter,
    changeOf(bytes) {
      const reading = new DocumentReading(bytes, types);
      const update = change(reading.document);
      return update === null ? null : writeUpdate(reading, update);
    },
  };
}
