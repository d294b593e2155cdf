import { BSON, DBRef } from "mongodb";
import { LockstepError, messageOf } from "../../errors.ts";
import type { TypedBytes } from "../../mongo/bson/elements.ts";
import { bsonType } from "../../mongo/bson/raw-bson.ts";
import type { StepDocument } from "../migration/schema-context.ts";
import {
  isWrittenAlike,
  readByDriver,
  readValue,
  type Span,
  textIn,
  type ValueTypes,
} from "./values/read-value.ts";

/** The bytes behind a property that reports when it is read. */
interface Guarded {
  readonly span: Span;
  /** True where no JavaScript name tells it apart. It moves only with its whole document then. */
  readonly isUnnameable: boolean;
}

const guardedTypes: readonly number[] = [
  bsonType.double,
  bsonType.long,
  bsonType.symbol,
  bsonType.undefined,
];

const plainProperty = { enumerable: true, configurable: true, writable: true };

/** A field with an Int32 whose number a Long or a Double of the same document may hold, too. */
interface Int32Field {
  readonly held: object;
  readonly name: string;
  readonly span: Span;
  readonly read: number;
}

/** The driver always writes objects of these types as it read them. */
const writtenAlike: readonly number[] = [bsonType.objectId, bsonType.date];

/** The type as which the driver writes a number. */
export function typeOfNumber(value: number): number {
  const isInt32 = value === (value | 0) && !Object.is(value, -0);
  return isInt32 ? bsonType.int32 : bsonType.double;
}

/**
 * A document for a step's function, and the bytes behind it. A value that JavaScript cannot hold throws when it is
 * read, so a step that leaves it alone is not affected. A number whose type the driver might change is noted when it
 * is read.
 */
export class DocumentReading {
  readonly document: StepDocument;
  readonly types: ValueTypes;
  readonly bytes: Buffer;
  /** By primitive that was read: the types that it had, where a type was lost or several fields hold the number. */
  readonly typesRead = new Map<unknown, Set<number>>();
  readonly #origins = new Map<object, Span>();
  readonly #guards = new Map<() => unknown, Guarded>();
  readonly #guardedOffsets = new Set<number>();
  readonly #readOffsets = new Set<number>();
  readonly #lostNumbers = new Set<number>();
  #int32Fields: Int32Field[] = [];

  constructor(bytes: Uint8Array, types: ValueTypes) {
    this.types = types;
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const root = { type: bsonType.document, start: 0, end: bytes.length };
    this.document = this.#readContainer(root, "") as StepDocument;
    this.#guardTwins();
  }

  /** The bytes of an object that was handed out. */
  originOf(value: object): TypedBytes | undefined {
    const span = this.#origins.get(value);
    return span && this.#bytesOf(span);
  }

  /** The stored value behind a property that the step has not replaced. */
  untouched({ get }: PropertyDescriptor): (TypedBytes & { isUnnameable: boolean }) | undefined {
    const guarded = get && this.#guards.get(get as () => unknown);
    return guarded && { ...this.#bytesOf(guarded.span), isUnnameable: guarded.isUnnameable };
  }

  /** True where the step has read this very value, and such a reading is noticed. */
  wasRead(element: TypedBytes): boolean {
    return this.#readOffsets.has(this.#offsetOf(element));
  }

  /** True where reading this very value would be noticed. */
  isGuarded(element: TypedBytes): boolean {
    return this.#guardedOffsets.has(this.#offsetOf(element));
  }

  #offsetOf({ value }: TypedBytes): number {
    return value.byteOffset - this.bytes.byteOffset;
  }

  #bytesOf({ type, start, end }: Span): TypedBytes {
    return { type, value: this.bytes.subarray(start, end) };
  }

  #readContainer(container: Span, path: string): object {
    const isArray = container.type === bsonType.array;
    const held = isArray ? [] : {};
    let index = 0;
    for (const [type, nameStart, nameLength, start, length] of BSON.onDemand.parseToElements(
      this.bytes,
      container.start,
    )) {
      const span = { type, start, end: start + length };
      const text = isArray ? String(index) : textIn(this.bytes, nameStart, nameStart + nameLength);
      const name = text ?? this.bytes.toString("utf8", nameStart, nameStart + nameLength);
      const inner = path === "" ? name : `${path}.${name}`;
      index += 1;
      if (text !== undefined && !Object.hasOwn(held, name)) {
        this.#readField(held, name, span, inner);
        continue;
      }
      const why = text === undefined ? "is a name that is not valid UTF-8" : "is there twice";
      this.#refuse(held, name, { span, isUnnameable: true }, `"${inner}" ${why}`);
    }
    this.#origins.set(held, container);
    return held;
  }

  #readField(held: object, name: string, span: Span, path: string): void {
    const { type } = span;
    let read: unknown;
    try {
      const isContainer = type === bsonType.document || type === bsonType.array;
      read = isContainer
        ? this.#readReference(this.#readContainer(span, path), span)
        : readValue(this.bytes, span, this.types);
    } catch (error) {
      const guarded = { span, isUnnameable: false };
      this.#refuse(held, name, guarded, `"${path}" holds ${messageOf(error)}`);
      return;
    }
    if (typeof read === "object" && read !== null && !writtenAlike.includes(type)) {
      this.#origins.set(read, span);
    }
    // A Long beyond the safe integers is an object. It keeps its type, but a number made from it does not.
    const isLong = this.types === "plain" && type === bsonType.long;
    if ((typeof read === "object" && !isLong) || !guardedTypes.includes(type)) {
      if (type === bsonType.int32 && typeof read === "number") {
        this.#int32Fields.push({ held, name, span, read });
      }
      if (name === "__proto__") {
        Object.defineProperty(held, name, { ...plainProperty, value: read });
        return;
      }
      (held as Record<string, unknown>)[name] = read;
      return;
    }
    const isLost =
      typeof read === "number" ? typeOfNumber(read) !== type : typeof read !== "object";
    this.#guardRead(held, name, span, read, isLost);
  }

  /** Notes when a value is read, and the type that it loses. */
  #guardRead(held: object, name: string, span: Span, read: unknown, isLost: boolean): void {
    const { type, start } = span;
    this.#guardedOffsets.add(start);
    if (isLost && typeof read === "number") this.#lostNumbers.add(read);
    this.#guard(held, name, { span, isUnnameable: false }, () => {
      if (isLost) {
        const types = this.typesRead.get(read) ?? new Set();
        this.typesRead.set(read, types.add(type));
      }
      this.#readOffsets.add(start);
      return read;
    });
  }

  /** Notes reads of each Int32 whose number a Long or a Double holds too. Reads of any other Int32 do not matter. */
  #guardTwins(): void {
    for (const { held, name, span, read } of this.#int32Fields) {
      if (this.#lostNumbers.has(read)) this.#guardRead(held, name, span, read, true);
    }
    this.#int32Fields = [];
  }

  /** Hands out a reference to another document as the driver does. */
  #readReference(held: object, span: Span): object {
    if (!("$ref" in held && "$id" in held)) return held;
    const element = this.#bytesOf(span);
    const reference = readByDriver(element, this.types);
    if (!(reference instanceof DBRef)) return held;
    if (!isWrittenAlike(reference, element)) {
      throw new Error("a reference that JavaScript would alter");
    }
    return reference;
  }

  #refuse(held: object, name: string, guarded: Guarded, why: string): void {
    this.#guard(held, name, guarded, () => {
      throw new LockstepError(
        "step-failed",
        `${why}, which JavaScript cannot hold: change it by an update pipeline, or leave it where it is`,
      );
    });
  }

  #guard(held: object, name: string, guarded: Guarded, get: () => unknown): void {
    this.#guards.set(get, guarded);
    const set = (value: unknown) => {
      Object.defineProperty(held, name, { ...plainProperty, value });
    };
    Object.defineProperty(held, name, { get, set, enumerable: true, configurable: true });
  }
}
