import { LockstepError } from "../errors.ts";

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return "";
  }
}

/**
 * The application's database: the path of the MongoDB URL.
 * @throws LockstepError `bad-argument`
 */
export function databaseNameOf(mongoUrl: string): string {
  const path = /^mongodb(?:\+srv)?:\/\/[^/]+\/([^?]*)/.exec(mongoUrl)?.[1] ?? "";
  const name = decoded(path);
  if (name === "") {
    throw new LockstepError(
      "bad-argument",
      "expected a MongoDB URL whose path names the application's database, like mongodb://host/catalogue?replicaSet=rs0",
    );
  }
  return name;
}
