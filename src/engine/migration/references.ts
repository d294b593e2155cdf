import { decode } from "../values/decode.ts";
import { encode } from "../values/encode.ts";

/** Stands for an actor in a context that is migrated. A migration can keep it or leave it out. */
export class ActorReference {
  readonly #birth: string;

  constructor(birth: string) {
    this.#birth = birth;
  }

  static birthOf(value: object): string | null {
    return value instanceof ActorReference ? value.#birth : null;
  }
}

/** Reads a text of an entry without the actors to which it refers. */
export function readDetached(text: string): unknown {
  return decode(text, { later: (birth, put) => put(new ActorReference(birth)) });
}

/** Writes a value that `readDetached` has read. */
export function writeDetached(value: unknown, where: string): string {
  return encode(value, { where, reference: (object) => ActorReference.birthOf(object) });
}
