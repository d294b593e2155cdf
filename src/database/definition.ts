import { bsonType, decodedValue, type RawField, rawDocument, rawFields } from "./raw-bson.ts";

/**
 * The options of a collection or an index as BSON, in base64. Text or a map would lose a field that is
 * named twice, and bytes that JavaScript cannot hold.
 */
export type Definition = string;

/** Pure. */
export function definitionOf(bytes: Uint8Array): Definition {
  return Buffer.from(bytes).toString("base64");
}

/** Pure. */
export function bytesOfDefinition(definition: Definition): Uint8Array {
  return Buffer.from(definition, "base64");
}

/** The fields in their order. Pure. */
export function definitionFields(definition: Definition): RawField[] {
  return rawFields(bytesOfDefinition(definition));
}

/** The field of this name, or undefined. Pure. */
export function definitionField(definition: Definition, name: string): RawField | undefined {
  return definitionFields(definition).find((field) => field.name === name);
}

/** The name that an index gives itself. Pure. */
export function indexName(definition: Definition): string {
  const name = definitionField(definition, "name");
  return name === undefined ? "" : String(decodedValue(name));
}

/** How long a bucket of a time series lasts at most, by its granularity: servers before 6.0 do not say it. */
const bucketSeconds: Readonly<Record<string, number>> = {
  seconds: 3_600,
  minutes: 86_400,
  hours: 2_592_000,
};

/** A time series' own options with the defaults that the server adds. */
function comparableSeries({ value }: RawField): string {
  const fields = rawFields(value);
  const held = (name: string) => fields.find((field) => field.name === name);
  const granularityField = held("granularity");
  const granularity = granularityField ? String(decodedValue(granularityField)) : "seconds";
  const span = held("bucketMaxSpanSeconds");
  const seconds = span ? Number(decodedValue(span)) : bucketSeconds[granularity];
  const rest = fields.filter(({ name }) => !["granularity", "bucketMaxSpanSeconds"].includes(name));
  return `${rest.map(comparableField).toSorted().join()},${granularity},${seconds}`;
}

function comparableField(field: RawField): string {
  // The server stores it as a number of its choice.
  if (field.name === "expireAfterSeconds") return `${field.name} ${Number(decodedValue(field))}`;
  if (field.name === "timeseries" && field.type === bsonType.document) {
    return `${field.name} ${comparableSeries(field)}`;
  }
  return Buffer.from(field.element).toString("base64");
}

/**
 * A text that two definitions share exactly if the server means the same by them. Below the top all bytes
 * count. At the top the order does not: the server moves what it changes to the end. Pure.
 */
export function comparable(definition: Definition): string {
  return definitionFields(definition).map(comparableField).toSorted().join();
}

/** The definition without fields of these names. Pure. */
export function withoutFields(bytes: Uint8Array, names: readonly string[]): Uint8Array {
  return rawDocument(rawFields(bytes).filter(({ name }) => !names.includes(name)));
}
