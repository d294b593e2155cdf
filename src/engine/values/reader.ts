import { limits } from "../../limits.ts";
import {
  brokenValue,
  listPart,
  numberPart,
  placeOwn,
  Reference,
  recordPart,
  tag,
  textPart,
  type Unpack,
} from "./kinds/kind.ts";
import { kindOfName } from "./kinds/kinds.ts";

const constants: ReadonlyMap<unknown, unknown> = new Map<unknown, unknown>([
  ["undefined", undefined],
  ...[Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY].map(
    (each) => [String(each), each] as const,
  ),
  ["-0", -0],
]);

const integer = /^-?\d+$/;

function makeBigint(part: unknown): bigint {
  const digits = textPart(part);
  if (!integer.test(digits)) throw brokenValue("a bigint with another text than its digits");
  return BigInt(digits);
}

const lengthMax = 2 ** 32 - 1;

/** A longer array gets memory only for what it holds, as a text of a few bytes may claim any length. */
const claimedLengthMax = 1_024;

/** An array of this length, which has only holes. */
function makeArray([length, properties]: readonly unknown[]): unknown[] {
  const wanted = numberPart(length);
  if (!Number.isInteger(wanted) || wanted < 0 || wanted > lengthMax) {
    throw brokenValue(`an array of the length ${wanted}`);
  }
  if (Object.hasOwn(recordPart(properties), "length")) throw brokenValue("a second length");
  const list: unknown[] = [];
  // The engine of the language keeps the longest array as a table, and one that was a table stays one.
  if (wanted > claimedLengthMax) list.length = lengthMax;
  list.length = wanted;
  return list;
}

/** Reads the properties of a record into a holder. A plain object is its own holder. */
function openProperties(
  record: Readonly<Record<string, unknown>>,
  holder: object,
  unpack: Unpack,
): object {
  for (const key of Object.keys(record)) {
    const packed = record[key];
    const isPrimitive = typeof packed !== "object" || packed === null;
    if (isPrimitive && record === holder) continue;
    const value = unpack.open(packed);
    if (value !== packed || record !== holder) placeOwn(holder, key, value, unpack);
  }
  return holder;
}

function openList(list: unknown[], unpack: Unpack): unknown[] {
  for (const [index, packed] of list.entries()) {
    if (typeof packed !== "object" || packed === null) continue;
    const value = unpack.open(packed);
    if (value !== packed) placeOwn(list, String(index), value, unpack);
  }
  return list;
}

function openTagged(record: Readonly<Record<string, unknown>>, unpack: Unpack): unknown {
  const content = record[tag];
  if (Object.keys(record).length !== 1) throw brokenValue(`a key beside "${tag}"`);
  if (constants.has(content)) return constants.get(content);
  const [name, ...parts] = listPart(content);
  switch (name) {
    case "Object": {
      const inner = recordPart(parts[0]);
      return openProperties(inner, inner, unpack);
    }
    case "null":
      return openProperties(recordPart(parts[0]), Object.create(null), unpack);
    case "Array":
      return openProperties(recordPart(parts[1]), makeArray(parts), unpack);
    case "bigint":
      return makeBigint(parts[0]);
    case "reference":
      return new Reference(textPart(parts[0]));
    default: {
      const kind = kindOfName(textPart(name));
      if (!kind) throw brokenValue(`the unknown type "${name}"`);
      return kind.make(parts, unpack);
    }
  }
}

/** Reads the JSON forms of one text. Plain objects and arrays stay the objects that JSON.parse has made. */
export function createReader(
  later: ((reference: string, put: (value: unknown) => void) => void) | undefined,
): Unpack {
  let depth = 0;
  const unpack: Unpack = {
    open: (packed) => {
      if (typeof packed !== "object" || packed === null) return packed;
      // A number such as NaN is an object in its JSON form, one level below its holder.
      if (depth > limits.valueDepthMax) throw brokenValue(`more than ${depth} levels`);
      depth += 1;
      const value = openObject(packed, unpack);
      depth -= 1;
      return value;
    },
    later: ({ text }, put) => {
      if (!later) throw brokenValue(`a reference to "${text}" where none is expected`);
      later(text, put);
    },
  };
  return unpack;
}

function openObject(packed: object, unpack: Unpack): unknown {
  if (Array.isArray(packed)) return openList(packed, unpack);
  const record = recordPart(packed);
  return Object.hasOwn(record, tag)
    ? openTagged(record, unpack)
    : openProperties(record, record, unpack);
}
