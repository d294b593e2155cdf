import type { FleetView } from "../../view.ts";
import type { Place } from "../state/place-hash.ts";

/** True where nobody has declared a fleet: the database may hold an engine alone. Pure. */
export function isFleetAbsent({ versions, trouble }: Pick<FleetView, "versions" | "trouble">) {
  return versions === null && trouble?.code === "no-version";
}

/** The part of the page that is shown: the one that the URL names, as far as it is there. Pure. */
export function viewShown(
  { view: wanted }: Pick<Place, "view">,
  view: Pick<FleetView, "fleet" | "versions" | "trouble">,
): "fleet" | "actors" {
  if (view.fleet.engine === null) return "fleet";
  if (isFleetAbsent(view)) return "actors";
  return wanted ?? "fleet";
}
