import { cutTo, messageOf } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { encode } from "../values/encode.ts";

/** True for a value that can be written down without references to actors. */
function isKept(value: unknown): boolean {
  try {
    encode(value);
    return true;
  } catch {
    return false;
  }
}

/**
 * The rejection of a task, or the failure of a child, as it is written down. A standard error, or any other value that can
 * be kept, stays as it is. An error of a class of its own becomes a plain error with its name, message, stack and the
 * properties that can be kept: after a crash it could not be of that class any more.
 */
export function keptError(error: unknown, depth = 0): unknown {
  if (isKept(error)) return error;
  if (!(error instanceof Error)) {
    return new Error(cutTo(messageOf(error), limits.reasonMessageLengthMax));
  }
  const kept: Error & Record<string, unknown> = Object.assign(new Error(error.message));
  Object.defineProperty(kept, "name", { value: error.name, configurable: true, writable: true });
  if (typeof error.stack === "string") {
    Object.defineProperty(kept, "stack", {
      value: error.stack,
      configurable: true,
      writable: true,
    });
  }
  if (error.cause !== undefined && depth < limits.errorCausesMax) {
    Object.defineProperty(kept, "cause", {
      value: keptError(error.cause, depth + 1),
      configurable: true,
      writable: true,
    });
  }
  for (const [key, value] of Object.entries(error)) {
    if (!["name", "message", "stack", "cause"].includes(key) && isKept(value)) kept[key] = value;
  }
  return isKept(kept) ? kept : new Error(cutTo(error.message, limits.reasonMessageLengthMax));
}
