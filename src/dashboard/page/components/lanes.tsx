import type { Film } from "../../../operator/film/film.ts";
import { span } from "../figures/format.ts";
import type { Mark, Row, Rows } from "../figures/lanes.ts";
import { go } from "../state/place.ts";
import { Icon, type IconName } from "./small/icon.tsx";
import { Moment } from "./small/time.tsx";

const icons: Readonly<Record<Mark["kind"], IconName>> = {
  ...{ "took-over": "star", restarted: "back", died: "cross", served: "check" },
  rejected: "warn",
};
const legend: Readonly<Record<Mark["kind"], string>> = {
  ...{ "took-over": "another master took over", died: "a process died" },
  ...{ restarted: "another version came up", served: "serves again", rejected: "rejected" },
};

const percent = (value: number) => `${value}%`;

interface LaneProps {
  readonly row: Row;
  readonly isChosen: boolean;
}

function Lane({ row, isChosen }: LaneProps) {
  return (
    <li class="lane">
      <button
        type="button"
        class="lane-name"
        aria-pressed={isChosen}
        onClick={() => go({ actor: row.actor })}
      >
        {row.label}
      </button>
      <div class="lane-track">
        {row.segments.map(({ key, state, left, width, lastedMs }) => (
          <span
            key={key}
            class={`segment in-${state}`}
            style={{ left: percent(left), width: percent(width) }}
            title={`${state}, ${span(lastedMs)}`}
          >
            {state}
          </span>
        ))}
        {row.marks.map(({ key, kind, left, text }) => (
          <span key={key} class={`lane-mark ${kind}`} style={{ left: percent(left) }} title={text}>
            <Icon name={icons[kind]} />
            <span class="unseen">{text}</span>
          </span>
        ))}
      </div>
    </li>
  );
}

interface LanesProps {
  readonly rows: Rows;
  readonly cursor: number;
  readonly chosen: string;
}

/** All actors over time, a lane each. */
export function Lanes({ rows, cursor, chosen }: LanesProps) {
  const kinds = new Set(rows.rows.flatMap(({ marks }) => marks.map(({ kind }) => kind)));
  return (
    <>
      <ul class="lanes" aria-label="Actors over time">
        {rows.rows.map((row) => (
          <Lane key={row.actor} row={row} isChosen={row.actor === chosen} />
        ))}
        <li class="lane-cursor" aria-hidden="true">
          <span style={{ left: percent(cursor) }} />
        </li>
      </ul>
      {kinds.size > 0 && (
        <ul class="legend" aria-label="Marks">
          {[...kinds].map((kind) => (
            <li key={kind}>
              <span class={`lane-mark ${kind}`}>
                <Icon name={icons[kind]} />
              </span>
              {legend[kind]}
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

/** Every entry of every actor in order, for readers who do not see the lanes. */
export function EventList({ film }: { readonly film: Film }) {
  const events = film.lanes
    .flatMap(({ agent, steps }) => steps.map((step) => ({ ...step, who: agent ?? "upgrade" })))
    .toSorted((left, right) => left.at - right.at);
  return (
    <details class="twin">
      <summary>The time line as a list</summary>
      <ol class="events">
        {events.map(({ who, revision, at, event, about, state, change }) => (
          <li key={`${who}@${revision}`}>
            <Moment at={at} /> <strong>{who}</strong> <code>{event}</code> {about} → {state}
            {change !== null && ` (${change})`}
          </li>
        ))}
      </ol>
    </details>
  );
}
