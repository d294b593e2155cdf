import { LockstepError, messageOf } from "../../../errors.ts";
import { limits } from "../../../limits.ts";

/**
 * The event that a person has written. Pure.
 * @param advice how it is to be written, for the message
 * @throws LockstepError `bad-argument`
 */
export function eventOfText(text: string, advice: string): { readonly type: string } {
  let event: unknown;
  try {
    event = JSON.parse(text);
  } catch (error) {
    throw new LockstepError(
      "bad-argument",
      `expected the event as JSON, got: ${messageOf(error)}: ${advice}`,
    );
  }
  const { type } = (event ?? {}) as { readonly type?: unknown };
  if (typeof type === "string" && type !== "") return { ...(event as object), type };
  throw new LockstepError(
    "bad-argument",
    `expected the event to be an object with a \`type\`, got ${text.slice(0, limits.shownReasonLengthMax)}: ${advice}`,
  );
}
