import type { WholeView } from "../view.ts";
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
import { live } from "./state/live.ts";
import { useStore } from "./state/store.ts";

const isUnread = (view: WholeView | null): view is null => view === null || view.versions === null;

/** The whole page. */
export function Page() {
  const { view } = useStore(live);
  useDrop();
  return (
    <>
      <a class="skip" href="#answers">
        Skip to the answers
      </a>
      <Header />
      <Announcer />
      <main>
        <Notices />
        {isUnread(view) ? (
          <p class="empty">Reading the fleet …</p>
        ) : (
          <>
            <AnswersPanel view={view} />
            <ReasonPanel view={view} />
            <ProgressPanel view={view} />
            <Timeline />
            <Agents view={view} />
            <HistoryPanel view={view} />
          </>
        )}
      </main>
    </>
  );
}
