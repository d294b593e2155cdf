import { createHash } from "node:crypto";
import { LockstepError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { count, described, fields, oneOf, text } from "../../shape.ts";
import type { Film } from "./film.ts";
import { filmShape } from "./film-shape.ts";

const format = "lockstep-film";
/** Raised when a build that knows this version could not read the file any more. */
const version = 1;

/** The causes for which a file is not read. */
type Cause = "not-a-film" | "cut-off" | "newer" | "edited" | "broken";

const digestOf = (film: unknown) => createHash("sha256").update(JSON.stringify(film)).digest("hex");

/** A film as the text of a file. Pure. */
export function filmText(film: Film): string {
  return `${JSON.stringify({ format, version, digest: digestOf(film), film })}\n`;
}

function refusal(cause: Cause, message: string, details = {}): LockstepError {
  return new LockstepError("film-not-readable", message, { cause, ...details });
}

function parsed(content: string): unknown {
  if (content.length > limits.filmLengthMax) {
    throw refusal(
      "not-a-film",
      `expected an exported film of at most ${limits.filmLengthMax} characters, found ${content.length}: name a file that \`lockstep export\` has written`,
    );
  }
  try {
    return JSON.parse(content);
  } catch {
    const isOurs = content.trimStart().startsWith(`{"format":"${format}"`);
    throw isOurs
      ? refusal(
          "cut-off",
          "expected a whole film, found its beginning: copy the file again, or export the upgrade anew",
        )
      : refusal(
          "not-a-film",
          "expected an exported film, found no JSON: name a file that `lockstep export` has written",
        );
  }
}

const envelope = fields<{ format: unknown; version: unknown; digest: unknown; film: unknown }>({
  ...{ format: oneOf(format), version: count, digest: text, film: () => null },
});

/**
 * Reads the text of an exported film. Pure.
 * @throws LockstepError `film-not-readable`: `details.cause` says why
 */
export function readFilmText(content: string): Film {
  const found = parsed(content);
  const wrong = envelope(found, "");
  if (wrong !== null) {
    throw refusal(
      "not-a-film",
      `expected an exported film, found another file (${wrong}): name a file that \`lockstep export\` has written`,
    );
  }
  const file = found as { version: number; digest: string; film: unknown };
  if (file.version > version) {
    throw refusal(
      "newer",
      `expected a film of version ${version}, found version ${file.version}: read it with the newer Lockstep that has written it`,
      { version: file.version },
    );
  }
  const digest = file.film === undefined ? described(undefined) : digestOf(file.film);
  if (digest !== file.digest) {
    throw refusal(
      "edited",
      `expected the digest ${file.digest} as the film says, found ${digest}: the film was changed after its export; export the upgrade anew`,
      { expected: file.digest, found: digest },
    );
  }
  const broken = filmShape(file.film, "film");
  if (broken !== null) {
    throw refusal(
      "broken",
      `expected a film, found one that is broken: ${broken}: export the upgrade anew`,
    );
  }
  return file.film as Film;
}
