import { useEffect, useRef, useState } from "preact/hooks";
import { viewShown } from "../../figures/view-shown.ts";
import { live } from "../../state/live.ts";
import { place } from "../../state/place.ts";
import { useStore } from "../../state/store.ts";

/** Says each new state of the upgrade to a screen reader, and shows it, or the actor, in the title of the tab. */
export function Announcer() {
  const { view } = useStore(live);
  const where = useStore(place);
  const [said, setSaid] = useState("");
  const before = useRef<string | null>(null);
  const { upgrade, fleet } = view ?? {};
  const now = upgrade ? `${upgrade.from} to ${upgrade.to}: ${upgrade.state}` : "";
  const isRead = view !== null && view.versions !== null;
  useEffect(() => {
    if (!isRead) return;
    // The state at the opening of the page is no news.
    if (before.current !== null && before.current !== now) setSaid(now);
    before.current = now;
  }, [isRead, now]);
  const isOfActors = view !== null && viewShown(where, view) === "actors";
  const parts = isOfActors ? [where.id, fleet?.engine] : [upgrade?.state, fleet?.name];
  const title = [...parts, "Lockstep"].filter((part) => part).join(" · ");
  useEffect(() => {
    document.title = title;
  }, [title]);
  return (
    <p class="unseen" role="status" id="news">
      {said}
    </p>
  );
}
