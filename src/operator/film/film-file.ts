import { createHash } from "node:crypto";
import { redactUrl } from "../../log.ts";
import { described } from "../../shape.ts";
import type { Film } from "./film.ts";
import {
  checkedFilm,
  type FilmFile,
  filmFormat,
  filmFormatVersion,
  parsedFilmFile,
} from "./read-film-file.ts";

const digestOf = (film: unknown) => createHash("sha256").update(JSON.stringify(film)).digest("hex");

/** A film as the text of a file, which may be given to others: it holds no password of a URL. Pure. */
export function filmText(film: Film): string {
  const shown: Film = JSON.parse(redactUrl(JSON.stringify(film)));
  const file: FilmFile = {
    ...{
      format: filmFormat,
      formatVersion: filmFormatVersion,
      digest: digestOf(shown),
      film: shown,
    },
  };
  return `${JSON.stringify(file)}\n`;
}

/**
 * Reads the text of an exported film. Pure.
 * @throws LockstepError `film-not-readable`: `details.cause` says why
 */
export function readFilmText(content: string): Film {
  const file = parsedFilmFile(content);
  return checkedFilm(file, file.film === undefined ? described(undefined) : digestOf(file.film));
}
