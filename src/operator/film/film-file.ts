import { createHash } from "node:crypto";
import { described } from "../../shape.ts";
import type { Film } from "./film.ts";
import { checkedFilm, filmFormat, filmVersion, parsedFilmFile } from "./film-text.ts";

const digestOf = (film: unknown) => createHash("sha256").update(JSON.stringify(film)).digest("hex");

/** A film as the text of a file. Pure. */
export function filmText(film: Film): string {
  const file = { format: filmFormat, version: filmVersion, digest: digestOf(film), film };
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
