import { LockstepError } from "../errors.ts";

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return "";
  }
}

/**
 * The application's database, which is the path of the MongoDB URL.
 * @throws LockstepError `bad-argument`
 */
export function databaseNameOf(mongoUrl: string): string {
  const path = /^mongodb(?:\+srv)?:\/\/[^/]+\/([^?]*)/.exec(mongoUrl)?.[1] ?? "";
  // A slash in a password ends the host by the URL standard, so the rest of the password would be the database's
  // name.
  const isCut = /^mongodb(?:\+srv)?:\/\/[^@/]*\/.*@/.test(mongoUrl);
  if (isCut || path.includes("@")) {
    throw new LockstepError(
      "bad-argument",
      'expected a MongoDB URL with a percent-encoded user and password ("/" as %2F, "@" as %40, ":" as %3A), found an "@" after the first slash: encode each of them there, too',
    );
  }
  const name = decoded(path);
  if (name === "") {
    throw new LockstepError(
      "bad-argument",
      "expected a MongoDB URL whose path names the application's database, like mongodb://host/catalogue?replicaSet=rs0",
    );
  }
  return name;
}
