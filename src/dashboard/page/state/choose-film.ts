import type { Film } from "../../../operator/film/film.ts";
import type { FilmPlace } from "./place-hash.ts";

/** The films that were asked for: from a file, or of an earlier upgrade. */
export interface Asked {
  /** The film of a file, or null. */
  readonly file: Film | null;
  /** The film that the server has sent last, or null. */
  readonly past: Film | null;
  /** Why a film cannot be shown, or "". */
  readonly trouble: string;
}

export interface Shown {
  readonly film: Film | null;
  readonly source: "live" | "past" | "file";
}

/** The film that a place asks for, of those that are there. Pure. */
export function shownOf(
  { file, past }: Asked,
  latest: Film | null,
  { upgradeId }: FilmPlace,
): Shown {
  if (file !== null) return { film: file, source: "file" };
  if (upgradeId === null || upgradeId === latest?.upgradeId) {
    return { film: latest, source: "live" };
  }
  return { film: past?.upgradeId === upgradeId ? past : null, source: "past" };
}
