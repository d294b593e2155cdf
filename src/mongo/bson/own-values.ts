import {
  Binary,
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

/** The parts of a BSON value that each version of the driver has. They are public there. */
interface ForeignValue {
  readonly id: Uint8Array;
  readonly value: never;
  readonly low: number;
  readonly high: number;
  readonly unsigned: boolean;
  readonly bytes: Uint8Array;
  readonly buffer: Uint8Array;
  readonly position: number;
  readonly sub_type: number;
  readonly pattern: string;
  readonly options: string;
  readonly code: string;
  readonly scope: object | null;
  readonly collection: string;
  readonly oid: ObjectId;
  readonly db: string;
  readonly fields: object;
}

interface Kind {
  readonly isOwn: (value: unknown) => boolean;
  readonly own: (value: ForeignValue) => object;
}

const kind = (
  type: abstract new (...given: never[]) => object,
  own: (value: ForeignValue) => object,
): Kind => ({ isOwn: (value) => value instanceof type, own });

/** By the name under which a value of the driver makes itself known. */
const kinds: Readonly<Record<string, Kind>> = {
  Binary: kind(
    Binary,
    ({ buffer, position, sub_type }) =>
      new Binary(Buffer.from(buffer.subarray(0, position)), sub_type),
  ),
  BSONRegExp: kind(BSONRegExp, ({ pattern, options }) => new BSONRegExp(pattern, options)),
  BSONSymbol: kind(BSONSymbol, ({ value }) => new BSONSymbol(value)),
  Code: kind(Code, ({ code, scope }) => new Code(code, ownValues(scope) as object | null)),
  DBRef: kind(DBRef, ({ collection, oid, db, fields }) => {
    return new DBRef(collection, ownValues(oid) as ObjectId, db, ownValues(fields) as object);
  }),
  Decimal128: kind(Decimal128, ({ bytes }) => new Decimal128(Buffer.from(bytes))),
  Double: kind(Double, ({ value }) => new Double(value)),
  Int32: kind(Int32, ({ value }) => new Int32(value)),
  Long: kind(Long, ({ low, high, unsigned }) => new Long(low, high, unsigned)),
  MaxKey: kind(MaxKey, () => new MaxKey()),
  MinKey: kind(MinKey, () => new MinKey()),
  ObjectId: kind(ObjectId, ({ id }) => new ObjectId(Buffer.from(id))),
  Timestamp: kind(Timestamp, ({ low, high }) => new Timestamp(new Long(low, high, true))),
};

function kindOf(value: object): Kind | undefined {
  // A document may have a field of this name. The driver's own values inherit it.
  if (!("_bsontype" in value) || Object.hasOwn(value, "_bsontype")) return undefined;
  const name = String(value._bsontype);
  return Object.hasOwn(kinds, name) ? kinds[name] : undefined;
}

/**
 * The value as one of Lockstep's own copy of the driver. An application may have another copy, of another major
 * version: this driver refuses the values of that one. Any other value stays as it is.
 */
export function ownValue(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  const known = kindOf(value);
  return known && !known.isOwn(value) ? known.own(value as ForeignValue) : value;
}

const isLeaf = (value: object): boolean =>
  value instanceof Date || value instanceof RegExp || ArrayBuffer.isView(value);

/** As `ownValue`, in each document, array and Map of a value. An object in which nothing changes stays the same object. */
export function ownValues(value: unknown): unknown {
  return ownBelow(value, new Set());
}

/** @param above the holders of the value: the driver refuses a value that holds itself, in its own words */
function ownBelow(given: unknown, above: Set<object>): unknown {
  const value = ownValue(given);
  if (value !== given || typeof value !== "object" || value === null) return value;
  if (isLeaf(value) || kindOf(value) || above.has(value)) return value;
  above.add(value);
  const own = ownHolder(value, (held) => ownBelow(held, above));
  above.delete(value);
  return own;
}

function ownHolder(holder: object, own: (held: unknown) => unknown): unknown {
  if ("toBSON" in holder && typeof holder.toBSON === "function") return own(holder.toBSON());
  const entries: readonly [unknown, unknown][] =
    holder instanceof Map ? [...holder] : Object.entries(holder);
  const owned = entries.map(([name, held]) => [name, own(held)] as const);
  if (owned.every(([, held], index) => Object.is(held, entries[index]?.[1]))) return holder;
  if (holder instanceof Map) return new Map(owned);
  const properties = Object.getOwnPropertyDescriptors(holder);
  for (const [name, value] of owned) {
    const how = { enumerable: true, configurable: true, writable: true };
    Object.defineProperty(properties, String(name), { ...how, value: { ...how, value } });
  }
  const prototype = Object.getPrototypeOf(holder);
  return Array.isArray(holder)
    ? Object.defineProperties([], properties)
    : Object.create(prototype, properties);
}
