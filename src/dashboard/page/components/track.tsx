import type { WholeView } from "../../view.ts";
import { span } from "../figures/format.ts";
import { type Stop, trackOf } from "../figures/track.ts";
import { Icon } from "./small/icon.tsx";

const icons: Readonly<Record<Stop["kind"], "check" | "dot" | "cross" | "back">> = {
  ...{ past: "check", now: "dot", ahead: "dot", skipped: "dot", failed: "cross" },
  ...{ good: "check", back: "back" },
};
const texts: Readonly<Record<Stop["kind"], string>> = {
  ...{
    past: "passed",
    now: "now",
    ahead: "ahead",
    skipped: "not needed",
    failed: "turned back here",
  },
  ...{ good: "end", back: "end" },
};

function Mark({ state, kind, lastedMs }: Stop) {
  return (
    <li class={`stop ${kind}`} aria-current={kind === "now" ? "step" : undefined}>
      <span class="mark">
        <Icon name={icons[kind]} />
      </span>
      <span class="name">{state}</span>
      <span class="lasted">{lastedMs === null ? texts[kind] : span(lastedMs)}</span>
    </li>
  );
}

/** The way of the upgrade through its states. */
export function Track({ view }: { readonly view: WholeView }) {
  const { upgrade, history } = view;
  if (upgrade === null) return null;
  const visits = history.find(({ upgradeId }) => upgradeId === upgrade.upgradeId)?.states ?? [];
  return (
    <ol class="track" aria-label="States of the upgrade">
      {trackOf(upgrade.state, visits).map((stop) => (
        <Mark key={stop.state} {...stop} />
      ))}
    </ol>
  );
}
