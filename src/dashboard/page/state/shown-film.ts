import { useEffect } from "preact/hooks";
import type { Film } from "../../../operator/film/film.ts";
import { checkedFilm, parsedFilmFile } from "../../../operator/film/film-text.ts";
import { type Asked, type Shown, shownOf } from "./choose-film.ts";
import { live } from "./live.ts";
import { go, place } from "./place.ts";
import { createStore, useStore } from "./store.ts";

export const asked = createStore<Asked>({ file: null, past: null, trouble: "" });

const hex = (bytes: ArrayBuffer) =>
  [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("");

async function digestOf(text: string): Promise<string> {
  return hex(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
}

async function readFilm(content: string): Promise<Film> {
  const file = parsedFilmFile(content);
  return checkedFilm(file, await digestOf(JSON.stringify(file.film)));
}

const failed = (error: unknown) =>
  asked.set((now) => ({ ...now, trouble: String((error as Error).message) }));

/** Shows the film in a file that `lockstep export` or this page has written. It needs no server. */
export async function openFile(file: Blob): Promise<void> {
  try {
    const film = await readFilm(await file.text());
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
    const response = await fetch(`/api/films/${encodeURIComponent(upgradeId)}`);
    const content = await response.text();
    if (!response.ok) {
      throw new Error((JSON.parse(content) as { message: string }).message);
    }
    const film = await readFilm(content);
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
