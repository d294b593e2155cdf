import { useEffect, useRef, useState } from "preact/hooks";
import { live } from "../../state/live.ts";
import { useStore } from "../../state/store.ts";

/** Says each new state of the upgrade to a screen reader, and shows it in the title of the tab. */
export function Announcer() {
  const { view } = useStore(live);
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
  useEffect(() => {
    const parts = [upgrade?.state, fleet?.name, "Lockstep"];
    document.title = parts.filter((part) => part).join(" · ");
  }, [upgrade?.state, fleet?.name]);
  return (
    <p class="unseen" role="status" id="news">
      {said}
    </p>
  );
}
