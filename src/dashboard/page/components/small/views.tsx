import { isFleetAbsent, viewShown } from "../../figures/view-shown.ts";
import { live } from "../../state/live.ts";
import { place } from "../../state/place.ts";
import { hashOf } from "../../state/place-hash.ts";
import { useStore } from "../../state/store.ts";

/** The way between the fleet and the actors of the engine, where the page shows both. */
export function Views() {
  const { view } = useStore(live);
  const where = useStore(place);
  if (view === null || view.fleet.engine === null || isFleetAbsent(view)) return null;
  const shown = viewShown(where, view);
  const link = (name: "fleet" | "actors", text: string) => (
    <a href={hashOf({ ...where, view: name })} aria-current={shown === name ? "page" : undefined}>
      {text}
    </a>
  );
  return (
    <nav class="views" aria-label="Views">
      {link("fleet", "Fleet")}
      {link("actors", "Actors")}
    </nav>
  );
}
