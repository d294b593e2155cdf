import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import { useEffect } from "preact/hooks";
import type { Film } from "../../../operator/film/film.ts";
import { checkedFilm, parsedFilmFile } from "../../../operator/film/read-film-file.ts";
import { type Asked, type Shown, shownOf } from "./choose-film.ts";
import { live } from "./live.ts";
import { go, place } from "./place.ts";
import { refused } from "./refused.ts";
import { createStore, useStore } from "./store.ts";

export const asked = createStore<Asked>({ file: null, past: null, trouble: "" });

function readFilm(content: string): Film {
  const file = parsedFilmFile(content);
  // A browser has its own SHA-256 only for a page of the loopback or of TLS.
  const digest = sha256(utf8ToBytes(JSON.stringify(file.film)));
  return checkedFilm(file, bytesToHex(digest));
}

const failed = (error: unknown) =>
  asked.set((now) => ({ ...now, trouble: String((error as Error).message) }));

/** Shows the film in a file that `lockstep export` or this page has written. It needs no server. */
export async function openFile(file: Blob): Promise<void> {
  try {
    const film = readFilm(await file.text());
    asked.set((now) => ({ ...now, file: film, trouble: "" }));
    go({ upgradeId: null, atMs: 0, actor: null });
  } catch (error) {
    failed(error);
  }
}

/** Shows the latest upgrade as it moves. */
export function showLive(): void {
  asked.set((now) => ({ ...now, file: null, trouble: "" }));
  go({ upgradeId: null, atMs: null, actor: null });
}

async function askServer(upgradeId: string): Promise<void> {
  try {
    const response = await fetch(`./api/films/${encodeURIComponent(upgradeId)}`);
    if (!response.ok) throw await refused(response);
    const film = readFilm(await response.text());
    asked.set((now) => ({ ...now, past: film, trouble: "" }));
  } catch (error) {
    failed(error);
  }
}

/** The film that is shown. A past one is fetched when the place asks for it. */
export function useShownFilm(): Shown {
  const films = useStore(asked);
  const { view } = useStore(live);
  const where = useStore(place);
  const shown = shownOf(films, view?.film ?? null, where);
  const wanted = view !== null && shown.film === null ? where.upgradeId : null;
  useEffect(() => {
    if (wanted !== null) void askServer(wanted);
  }, [wanted]);
  return shown;
}
