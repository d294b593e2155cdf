import { hashOf, type Place, placeOf } from "./place-hash.ts";
import { createStore, useStore } from "./store.ts";

export const place = createStore<Place>(placeOf(location.hash));

/** Goes to a place. Its URL replaces the present one, as a slider would fill the history. */
export function go(change: Partial<Place>): void {
  place.set((now) => ({ ...now, ...change }));
  const url = `${location.pathname}${location.search}${hashOf(place.get())}`;
  history.replaceState(null, "", url);
}

/** The place for links between actors, which lead there also where a fleet has come beside them. */
export function useActorsPlace(): Place {
  return { ...useStore(place), view: "actors" };
}

addEventListener("hashchange", () => place.set(() => placeOf(location.hash)));
