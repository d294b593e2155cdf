import { MongoServerError } from "mongodb";

/** True when the server says exactly this. */
export function hasCode(error: unknown, ...codes: readonly number[]): boolean {
  return error instanceof MongoServerError && codes.includes(Number(error.code));
}
