import { isLockstepError, messageOf } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { brokenValue, placeOwn, tag } from "./kinds/kind.ts";
import { createReader } from "./reader.ts";

/** The options of `decode`. */
export interface DecodeOptions {
  /**
   * Is called for each object that was kept by reference. `put(value)` puts the object in its place once it exists.
   * Until then a property is undefined there, and a Map or a Set shows none of its references before it has them all.
   */
  readonly later?: (reference: string, put: (value: unknown) => void) => void;
}

/** Each text with a tag has these characters. Their search is quick, since the first of them is rare. */
const mark = `${tag}":`;

/**
 * Gives the value of a text that `encode` has written. It runs no code that the text names.
 * @throws LockstepError `record-broken` for a text that `encode` does not write
 */
export function decode(text: string, { later }: DecodeOptions = {}): unknown {
  if (text.length > limits.valueBytesMax) throw brokenValue(`a text of ${text.length} characters`);
  try {
    const parsed: unknown = JSON.parse(text);
    if (!text.includes(mark)) return parsed;
    const reader = createReader(later);
    const top = { value: undefined };
    placeOwn(top, "value", reader.open(parsed), reader);
    return top.value;
  } catch (error) {
    throw isLockstepError(error, "record-broken") ? error : brokenValue(messageOf(error), error);
  }
}
