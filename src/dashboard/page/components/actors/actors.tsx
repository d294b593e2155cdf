import { useEffect, useRef } from "preact/hooks";
import type { WholeView } from "../../../view.ts";
import { place } from "../../state/place.ts";
import { useStore } from "../../state/store.ts";
import { ActorList } from "./actor-list.tsx";
import { OneActor } from "./one-actor.tsx";

/** The actors of the engine, or one of them. */
export function Actors({ view }: { readonly view: WholeView }) {
  const { id } = useStore(place);
  const before = useRef(id);
  useEffect(() => {
    if (before.current === id) return;
    before.current = id;
    // The link that led here is gone, and the focus with it.
    document.getElementById("actors")?.focus({ preventScroll: true });
    scrollTo(0, 0);
  }, [id]);
  return (
    <div id="actors" class="stack" tabIndex={-1}>
      {id === null ? <ActorList database={view.fleet.engine ?? ""} /> : <OneActor id={id} />}
    </div>
  );
}
