import {
  Binary,
  BSON,
  BSONRegExp,
  BSONSymbol,
  Code,
  DBRef,
  Decimal128,
  Double,
  Int32,
  Long,
  MaxKey,
  MinKey,
  ObjectId,
  Timestamp,
} from "mongodb";
import { ownValue } from "../../../mongo/bson/own-values.ts";
import { bytesPart } from "./byte-kinds.ts";
import { brokenValue, type Kind, kind, numberPart, Reference, textPart } from "./kind.ts";

const { UUID } = BSON;

/** A value of the driver needs its parts when it is made, so that none of them can arrive later. */
function openNow(opened: unknown): unknown {
  if (opened instanceof Reference) throw brokenValue("a reference in a BSON value");
  return opened;
}

/** The driver takes texts of other numbers too, and changes them. */
function exactly<T extends Long | Timestamp>(number: T, digits: unknown): T {
  if (number.toString() !== digits) throw brokenValue("a BSON value with odd digits");
  return number;
}

const binaryText = ({ buffer, position }: Binary): string =>
  Buffer.from(buffer.subarray(0, position)).toString("base64");

/**
 * The kinds of the driver. Canonical Extended JSON would lose whether a Long is unsigned, take a Binary of the subtype
 * 4 for a UUID, and make each number of a scope an Int32.
 */
export const bsonKinds: readonly Kind[] = [
  kind(
    "ObjectId",
    ObjectId,
    (id) => [id.toHexString()],
    ([hex]) => ObjectId.createFromHexString(textPart(hex)),
  ),
  kind(
    "Long",
    Long,
    (long) => [long.toString(), long.unsigned],
    ([digits, unsigned]) => exactly(Long.fromString(textPart(digits), unsigned === true), digits),
  ),
  kind(
    "Timestamp",
    Timestamp,
    (timestamp) => [timestamp.toString()],
    ([digits]) => exactly(new Timestamp(BigInt(textPart(digits))), digits),
  ),
  kind(
    "Int32",
    Int32,
    ({ value }) => [value],
    ([value]) => new Int32(numberPart(value)),
  ),
  kind(
    "Double",
    Double,
    ({ value }, pack) => [pack(value, "value")],
    ([value], { open }) => new Double(numberPart(open(value))),
  ),
  kind(
    "Decimal128",
    Decimal128,
    (decimal) => [decimal.toString()],
    ([digits]) => Decimal128.fromString(textPart(digits)),
  ),
  kind(
    "Binary",
    Binary,
    (binary) => [binaryText(binary), binary.sub_type],
    ([bytes, subtype]) => new Binary(bytesPart(bytes), numberPart(subtype)),
  ),
  kind(
    "UUID",
    UUID,
    (uuid) => [uuid.toHexString()],
    ([hex]) => new UUID(textPart(hex)),
  ),
  kind(
    "BSONRegExp",
    BSONRegExp,
    ({ pattern, options }) => [pattern, options],
    ([pattern, options]) => new BSONRegExp(textPart(pattern), textPart(options)),
  ),
  kind(
    "BSONSymbol",
    BSONSymbol,
    ({ value }) => [value],
    ([value]) => new BSONSymbol(textPart(value)),
  ),
  kind(
    "Code",
    Code,
    ({ code, scope }, pack) => [code, pack(scope, "scope")],
    ([code, scope], { open }) => new Code(textPart(code), openNow(open(scope)) as object | null),
  ),
  kind(
    "DBRef",
    DBRef,
    ({ collection, oid, db, fields }, pack) => [
      ...[collection, pack(oid, "oid"), pack(db, "db"), pack(fields, "fields")],
    ],
    ([collection, oid, db, fields], { open }) =>
      new DBRef(
        textPart(collection),
        openNow(open(oid)) as ObjectId,
        openNow(open(db)) as string,
        openNow(open(fields)) as object,
      ),
  ),
  kind(
    "MaxKey",
    MaxKey,
    () => [],
    () => new MaxKey(),
  ),
  kind(
    "MinKey",
    MinKey,
    () => [],
    () => new MinKey(),
  ),
];

/**
 * The value as one of this copy of the driver, or null. The application may have another copy, and its UUID is a
 * Binary for `ownValue`.
 */
export function valueOfOtherDriver(value: object): object | null {
  const own = ownValue(value);
  if (own === value || typeof own !== "object" || own === null) return null;
  const isUuid = own instanceof Binary && "toHexString" in value;
  return isUuid ? new UUID(Buffer.from(own.buffer)) : own;
}
