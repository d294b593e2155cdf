import { LockstepError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { count, fields, oneOf, text } from "../../shape.ts";
import type { Film } from "./film.ts";
import { filmShape } from "./film-shape.ts";

export const filmFormat = "lockstep-film";
/** Raised when a build that knows this version could not read the file any more. */
export const filmFormatVersion = 1;

/** The causes for which a file is not read. */
type Cause = "not-a-film" | "cut-off" | "newer" | "edited" | "broken";

/** The file of an exported film. */
export interface FilmFile {
  readonly format: typeof filmFormat;
  readonly formatVersion: typeof filmFormatVersion;
  /** SHA-256 over the JSON of the film. */
  readonly digest: string;
  readonly film: Film;
}

/** A file that says of itself that it holds a film. Nothing within the film is checked yet. */
export interface ReadFilmFile {
  readonly formatVersion: number;
  /** SHA-256 over the JSON of the film. */
  readonly digest: string;
  readonly film: unknown;
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
    const isOurs = content.trimStart().startsWith(`{"format":"${filmFormat}"`);
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

const envelope = fields<ReadFilmFile & { readonly format: string }>({
  ...{ format: oneOf(filmFormat), formatVersion: count, digest: text, film: () => null },
});

/**
 * The file in a text. Its film is not checked yet. Pure, and it runs in a browser.
 * @throws LockstepError `film-not-readable`: `details.cause` says why
 */
export function parsedFilmFile(content: string): ReadFilmFile {
  const found = parsed(content);
  const wrong = envelope(found, "");
  if (wrong !== null) {
    throw refusal(
      "not-a-film",
      `expected an exported film, found another file (${wrong}): name a file that \`lockstep export\` has written`,
    );
  }
  const file = found as ReadFilmFile;
  if (file.formatVersion > filmFormatVersion) {
    throw refusal(
      "newer",
      `expected a film of version ${filmFormatVersion}, found version ${file.formatVersion}: read it with the newer Lockstep that has written it`,
      { formatVersion: file.formatVersion },
    );
  }
  return file;
}

/**
 * The film of a file. Pure, and it runs in a browser.
 * @param digest the digest over the film's JSON, as the caller has made it
 * @throws LockstepError `film-not-readable`: `details.cause` says why
 */
export function checkedFilm(file: ReadFilmFile, digest: string): Film {
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
