import { redactUrl } from "../../log.ts";
import type { Film } from "./film.ts";
import { filmText } from "./film-file.ts";

/** A film as the text of a file that may be given to others: it holds no secret of a URL. Pure. */
export function exportFilm(film: Film): string {
  return filmText(JSON.parse(redactUrl(JSON.stringify(film))) as Film);
}
