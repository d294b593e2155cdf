import type { WholeView } from "../view.ts";
import { Actors } from "./components/actors/actors.tsx";
import { Agents } from "./components/agents.tsx";
import { AnswersPanel } from "./components/answers.tsx";
import { Header } from "./components/header.tsx";
import { HistoryPanel } from "./components/history.tsx";
import { ProgressPanel } from "./components/progress.tsx";
import { ReasonPanel } from "./components/reason.tsx";
import { Announcer } from "./components/small/announcer.tsx";
import { useDrop } from "./components/small/file-buttons.tsx";
import { Notices } from "./components/small/notices.tsx";
import { Timeline } from "./components/timeline.tsx";
import { viewShown } from "./figures/view-shown.ts";
import { live } from "./state/live.ts";
import { place } from "./state/place.ts";
import { useStore } from "./state/store.ts";

const isUnread = (view: WholeView | null): view is null => view === null || view.versions === null;

function Fleet({ view }: { readonly view: WholeView | null }) {
  if (isUnread(view)) return <p class="empty">Reading the fleet …</p>;
  return (
    <>
      <AnswersPanel view={view} />
      <ReasonPanel view={view} />
      <ProgressPanel view={view} />
      <Timeline />
      <Agents view={view} />
      <HistoryPanel view={view} />
    </>
  );
}

/** The whole page. */
export function Page() {
  const { view } = useStore(live);
  const where = useStore(place);
  useDrop();
  const shown = view === null ? "fleet" : viewShown(where, view);
  const first = shown === "fleet" ? "answers" : "actors";
  // The fragment of the URL is the place, so the link must not change it.
  const skip = (event: Event) => {
    event.preventDefault();
    document.getElementById(first)?.focus();
  };
  return (
    <>
      <a class="skip" href={`#${first}`} onClick={skip}>
        Skip to the {first}
      </a>
      <Header />
      <Announcer />
      <main>
        <Notices isOfFleet={shown === "fleet"} />
        {view !== null && shown === "actors" ? <Actors view={view} /> : <Fleet view={view} />}
      </main>
    </>
  );
}
