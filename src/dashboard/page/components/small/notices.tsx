import { span } from "../../figures/format.ts";
import { live } from "../../state/live.ts";
import { asked } from "../../state/shown-film.ts";
import { useStore } from "../../state/store.ts";
import { Icon } from "./icon.tsx";

/** A reading that is older than this is worth a word. */
const lateMs = 5_000;

/** Why the page may be out of date. */
export function Notices({ isOfFleet }: { readonly isOfFleet: boolean }) {
  const { view, connection, message, ageMs } = useStore(live);
  const { trouble } = useStore(asked);
  const notices: string[] = [];
  if (connection === "lost") {
    const why =
      message === "" ? "The dashboard's server does not answer." : `No stream: ${message}.`;
    notices.push(`${why} The page shows the last that it has heard, and tries again by itself.`);
  }
  if (trouble !== "") notices.push(trouble);
  if (isOfFleet && view?.trouble) notices.push(`${view.trouble.code}: ${view.trouble.message}`);
  if (isOfFleet && connection === "live" && ageMs > lateMs && !view?.trouble) {
    notices.push(
      `The database has not answered for ${span(ageMs)}. An upgrade goes on once it does.`,
    );
  }
  return (
    <>
      {notices.map((notice) => (
        <p class="notice" role="alert" key={notice.slice(0, 24)}>
          <Icon name="warn" />
          {notice}
        </p>
      ))}
    </>
  );
}
