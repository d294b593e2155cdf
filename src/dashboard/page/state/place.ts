import { hashOf, type Place, placeOf } from "./place-hash.ts";
import { createStore } from "./store.ts";

export const place = createStore<Place>(placeOf(location.hash));

/** Goes to a place. Its URL replaces the present one, as a slider would fill the history. */
export function go(change: Partial<Place>): void {
  place.set((now) => ({ ...now, ...change }));
  const url = `${location.pathname}${location.search}${hashOf(place.get())}`;
  history.replaceState(null, "", url);
}

addEventListener("hashchange", () => place.set(() => placeOf(location.hash)));
