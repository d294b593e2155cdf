import { bsonType, decodedValue, numberTypes, type RawField, rawFields } from "../bson/raw-bson.ts";

/** A number as text. The text is the same for each type that can hold the number. */
function numberText(value: unknown): string {
  const number = Number(value);
  if (Number.isInteger(number) && !Number.isSafeInteger(number)) return `${value}`;
  return number === 0 ? "0" : `${number}`;
}

/**
 * A text that two values share exactly if the server takes them for equal. The types of numbers do not count. The
 * order of fields does. Pure.
 */
export function valueMeaning(field: RawField): string {
  const { type, value } = field;
  if (numberTypes.includes(type)) return numberText(decodedValue(field));
  if (type === bsonType.array) return `[${rawFields(value).map(valueMeaning).join()}]`;
  if (type === bsonType.document) {
    return `{${rawFields(value).map((held) => `${JSON.stringify(held.name)}:${valueMeaning(held)}`)}}`;
  }
  return `${type}:${Buffer.from(value).toString("base64")}`;
}

const junctions = ["$and", "$or", "$nor"];

/** Operators whose operand holds conditions. The operand of any other one is a value, or an expression. */
const holdersOfConditions = ["$not", "$elemMatch"];
/** The names by which the server takes a document for a reference, which is a value. */
const referenceNames = ["$ref", "$id", "$db"];

/** True for a document of operators, whose order does not count. A value may hold names with a dollar sign, too. */
function holdsConditions({ name, type, value }: RawField): boolean {
  if (type !== bsonType.document) return false;
  if (name.startsWith("$") && !holdersOfConditions.includes(name)) return false;
  return rawFields(value).every(
    (held) => held.name.startsWith("$") && !referenceNames.includes(held.name),
  );
}

function conditionMeaning(field: RawField): string {
  if (junctions.includes(field.name) && field.type === bsonType.array) {
    return `[${rawFields(field.value).map(filterMeaning).join()}]`;
  }
  return holdsConditions(field) ? filterMeaning(field) : valueMeaning(field);
}

/** The same for a filter, where the order of conditions does not count either. Pure. */
export function filterMeaning(filter: RawField): string {
  if (filter.type !== bsonType.document) return valueMeaning(filter);
  const conditions = rawFields(filter.value).map(
    (field) => `${JSON.stringify(field.name)}:${conditionMeaning(field)}`,
  );
  return `{${conditions.toSorted().join()}}`;
}

/** The same for a projection, where a path may be written as nested documents. Pure. */
export function projectionMeaning(projection: RawField): string {
  const paths = (prefix: string, field: RawField): string[] => {
    const path = `${prefix}${field.name}`;
    if (field.type === bsonType.document) {
      return rawFields(field.value).flatMap((held) => paths(`${path}.`, held));
    }
    const isIn =
      field.type === bsonType.boolean ? field.value[0] === 1 : valueMeaning(field) !== "0";
    return [`${JSON.stringify(path)}:${isIn}`];
  };
  return rawFields(projection.value)
    .flatMap((field) => paths("", field))
    .toSorted()
    .join();
}
