import { BSON, type Document } from "mongodb";
import type { TypedBytes } from "../../../mongo/bson/elements.ts";
import { ownValues } from "../../../mongo/bson/own-values.ts";
import {
  bsonType,
  fieldOfBytes,
  numberTypes,
  RawValue,
  rawFields,
} from "../../../mongo/bson/raw-bson.ts";
import { type DocumentReading, typeOfNumber } from "../read-document.ts";
import { readValue } from "./read-value.ts";

/** Types that a plain value of JavaScript loses. */
const losableTypes: readonly number[] = [...numberTypes, bsonType.symbol, bsonType.undefined];

/** True where the value equals the one that was read from these bytes, and the driver would write it as another type. */
function isLosing(value: unknown, { type, value: bytes }: TypedBytes): boolean {
  if (!losableTypes.includes(type)) return false;
  if (typeof value === "number" && typeOfNumber(value) === type) return false;
  const span = { type, start: 0, end: bytes.length };
  return Object.is(value, readValue(Buffer.from(bytes), span, "plain"));
}

const isContainer = (value: unknown): value is Record<string, unknown> | unknown[] =>
  Array.isArray(value) ||
  (typeof value === "object" &&
    value !== null &&
    [Object.prototype, null].includes(Object.getPrototypeOf(value)));

const keyOf = (collection: string, id: unknown) =>
  `${Buffer.from(BSON.serialize({ id: ownValues(id) })).toString("hex")} ${collection}`;

/**
 * The bytes behind the plain documents that a body of a transaction has read. A document that is written back keeps the
 * types of the values that it still has where they were read.
 */
export class TypesRead {
  readonly #origins = new WeakMap<object, TypedBytes>();
  readonly #byId = new Map<string, TypedBytes>();

  /** A copy without guards. A property that JavaScript cannot hold throws as it is read. */
  copy(collection: string, reading: DocumentReading): Document {
    const document = this.#copied(reading, reading.document) as Document;
    const origin = reading.originOf(reading.document);
    if (origin && "_id" in document) this.#byId.set(keyOf(collection, document["_id"]), origin);
    return document;
  }

  /** The document with its values as they were read, where it is one that was read. */
  withTypes(collection: string, filter: Document, document: Document): Document {
    const id = "_id" in document ? document["_id"] : filter["_id"];
    const origin = id === undefined ? undefined : this.#byId.get(keyOf(collection, id));
    return this.#typed("", document, origin) as Document;
  }

  #copied(reading: DocumentReading, held: unknown): unknown {
    if (held === null || typeof held !== "object") return held;
    const isArray = Array.isArray(held);
    // Anything else is a value of the driver.
    if (!isArray && Object.getPrototypeOf(held) !== Object.prototype) return held;
    const copy = isArray ? [] : {};
    const how = { enumerable: true, configurable: true, writable: true };
    for (const [name, value] of Object.entries(held)) {
      Object.defineProperty(copy, name, { ...how, value: this.#copied(reading, value) });
    }
    const origin = reading.originOf(held);
    if (origin) this.#origins.set(copy, origin);
    return copy;
  }

  #typed(name: string, value: unknown, place: TypedBytes | undefined): unknown {
    if (!isContainer(value)) {
      return place && isLosing(value, place)
        ? new RawValue(fieldOfBytes(name, place.type, place.value))
        : value;
    }
    const source = this.#origins.get(value) ?? place;
    const type = Array.isArray(value) ? bsonType.array : bsonType.document;
    const fields = source?.type === type ? rawFields(source.value) : [];
    const originals = new Map(fields.map((field) => [field.name, field]));
    const typed = (each: string, held: unknown) => this.#typed(each, held, originals.get(each));
    if (Array.isArray(value)) {
      return Array.from(value, (held, index) => typed(String(index), held));
    }
    return Object.fromEntries(
      Object.entries(value).map(([each, held]) => [each, typed(each, held)] as const),
    );
  }
}
