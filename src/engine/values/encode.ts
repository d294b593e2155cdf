import { isLockstepError, messageOf } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { pack } from "./pack.ts";
import { isPlain } from "./scan.ts";
import { isEachObjectChanged, refused, tooLarge, type Walk } from "./walk.ts";

/** The options of `encode`. */
export interface EncodeOptions {
  /** Gives the text for an object that is kept by reference (an actor), or null. It is not asked for plain objects and arrays. */
  readonly reference?: (value: object) => string | null;
  /** The place of the value, for errors: "context". */
  readonly where?: string;
}

/**
 * Encodes a value as JSON text from which `decode` gives an equal value of the same types. A value without types of
 * its own becomes the text that `JSON.stringify` gives. Equal values with the same order of keys have the same text.
 *
 * - An object that is held twice comes back as two equal objects, and views of one buffer as copies of their parts.
 * - An accessor is read, and a Proxy of plain data too. Properties that are not enumerable are left out, except for
 *   those of errors.
 * @throws LockstepError `value-not-kept` with the path of a value that has no text
 */
export function encode(value: unknown, options: EncodeOptions = {}): string {
  const text = plainText(value) ?? packedText(value, options);
  // A character has at most three bytes.
  const isShort = text.length * 3 <= limits.valueBytesMax;
  if (isShort || Buffer.byteLength(text) <= limits.valueBytesMax) return text;
  throw tooLarge(placeOf(options));
}

const placeOf = ({ where = "value" }: EncodeOptions): string => where;

/** The text of plain JSON, or null. A value that cannot be read is for `pack`, which names the place. */
function plainText(value: unknown): string | null {
  try {
    return isPlain(value) ? JSON.stringify(value) : null;
  } catch {
    return null;
  }
}

function packedText(value: unknown, options: EncodeOptions): string {
  const walk: Walk = {
    above: [],
    steps: [],
    depth: 0,
    room: limits.valueBytesMax,
    isEachObjectChanged: isEachObjectChanged(),
    where: placeOf(options),
    reference: options.reference,
  };
  try {
    return JSON.stringify(pack(value, walk));
  } catch (error) {
    if (isLockstepError(error, "value-not-kept")) throw error;
    const found = `something that cannot be read (${messageOf(error)})`;
    throw refused(walk, { found, next: "write plain data" }, error);
  }
}
