import { bsonType, decodedValue, isTrue, type RawField, rawFields } from "../bson/raw-bson.ts";
import { type Definition, definitionFields } from "./definition.ts";
import { indexDefaults, isDefault, optionDefaults } from "./definition-defaults.ts";
import { valueMeaning } from "./meaning.ts";

/** The longest span of a bucket of a time series, by its granularity. Servers before 6.0 do not report it. */
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
  const rest = fields
    .filter(({ name }) => !["granularity", "bucketMaxSpanSeconds"].includes(name))
    .map((field) => `${field.name} ${valueMeaning(field)}`);
  return [...rest.toSorted(), granularity, seconds].join();
}

const exactText = ({ value }: RawField) => Buffer.from(value).toString("base64");
const numberIn = (field: RawField) => Number(decodedValue(field));

function comparable(
  fields: readonly RawField[],
  textOf: (field: RawField) => string | undefined,
): string {
  return fields
    .map((field) => `${field.name} ${textOf(field) ?? valueMeaning(field)}`)
    .toSorted()
    .join();
}

/**
 * A text that two indexes share exactly if the server would make the same of both. All bytes of a filter or a
 * projection count. Elsewhere defaults, the types of numbers and the order at the top do not count: the server moves
 * changed fields to the end. Pure.
 */
export function comparableIndex(index: Definition): string {
  const fields = definitionFields(index).filter((field) => !isDefault(indexDefaults, field));
  return comparable(fields, (field) => {
    switch (field.name) {
      case "partialFilterExpression":
      case "wildcardProjection":
        return exactText(field);
      case "unique":
      case "sparse":
      case "hidden":
      case "prepareUnique":
      case "background":
        return String(isTrue(field));
      case "expireAfterSeconds":
        return String(Math.trunc(numberIn(field)));
      default:
        return undefined;
    }
  });
}

const cappedUnitBytes = 256;
const cappedDocumentsMax = 2_147_483_647;

/** The same for a collection's options, where all bytes of a validator or a pipeline count. Pure. */
export function comparableOptions(options: Definition): string {
  const fields = definitionFields(options).filter((field) => !isDefault(optionDefaults, field));
  return comparable(fields, (field) => {
    switch (field.name) {
      case "validator":
      case "pipeline":
        return exactText(field);
      case "capped":
      case "autoIndexId":
      case "recordPreImages":
        return String(isTrue(field));
      case "expireAfterSeconds":
        return String(Math.trunc(numberIn(field)));
      case "timeseries":
        return field.type === bsonType.document ? comparableSeries(field) : undefined;
      case "size":
        return String(Math.ceil(numberIn(field) / cappedUnitBytes));
      case "max":
        return String(numberIn(field) > 0 ? numberIn(field) : cappedDocumentsMax);
      default:
        return undefined;
    }
  });
}
