import { useMemo, useState } from "preact/hooks";
import type { Film } from "../../../operator/film/film.ts";
import { span } from "../figures/format.ts";
import { rowsOf } from "../figures/lanes.ts";
import type { Shown } from "../state/choose-film.ts";
import { useNow } from "../state/now.ts";
import { place } from "../state/place.ts";
import { showLive, useShownFilm } from "../state/shown-film.ts";
import { useStore } from "../state/store.ts";
import { Controls } from "./controls.tsx";
import { Diagram, shippedDiagram, useShippedDiagrams } from "./diagram.tsx";
import { EventList, Lanes } from "./lanes.tsx";
import { AllEdges } from "./small/all-edges.tsx";
import { FileButtons } from "./small/file-buttons.tsx";
import { DiagramTwin, LaneFacts, laneAt } from "./small/moment.tsx";

const titles = { live: "Time line", past: "Replay", file: "Replay of a file" } as const;

interface TitleProps extends Shown {
  readonly film: Film;
  readonly atMs: number | null;
}

function Title({ film, source, atMs }: TitleProps) {
  const isLive = source === "live" && atMs === null;
  return (
    <div class="panel-top">
      <h2 id="timeline-title">
        {atMs !== null && source === "live" ? titles.past : titles[source]} {film.from} → {film.to}{" "}
        <span class="id">{film.upgradeId}</span>
      </h2>
      {atMs !== null && <p class="detail">{span(atMs)} after its beginning</p>}
      <div class="buttons">
        {!isLive && (
          <button type="button" class="text" onClick={showLive}>
            Back to the present
          </button>
        )}
        <FileButtons film={film} source={source} />
      </div>
    </div>
  );
}

/** The diagram of an actor and the lanes of all, at the present or at any moment of the past. */
export function Timeline() {
  const shown = useShownFilm();
  useShippedDiagrams();
  const now = useNow();
  if (shown.film === null) return <NoFilm />;
  const isRunning = shown.source === "live" && !shown.film.final;
  return <FilmPanel film={shown.film} source={shown.source} nowMs={isRunning ? now : null} />;
}

function NoFilm() {
  return (
    <section class="panel" aria-labelledby="timeline-title">
      <div class="panel-top">
        <h2 id="timeline-title">Time line</h2>
        <div class="buttons">
          <FileButtons film={null} source="live" />
        </div>
      </div>
      <p class="empty">
        No upgrade to show. Drop a file here that was exported, or choose an upgrade below.
      </p>
    </section>
  );
}

interface PanelProps extends Shown {
  readonly film: Film;
  readonly nowMs: number | null;
}

function FilmPanel({ film, source, nowMs }: PanelProps) {
  const { atMs, actor } = useStore(place);
  const [isBrief, setBrief] = useState(true);
  const rows = useMemo(() => rowsOf(film, nowMs), [film, nowMs]);
  const at = Math.min(atMs ?? rows.lengthMs, rows.lengthMs);
  const timeMs = rows.fromMs + at;
  const lane = laneAt(film, actor, timeMs);
  const marks = useMemo(
    () => ({
      active: lane?.state ? [lane.state] : [],
      taken: lane?.taken ?? [],
      last: lane?.last ?? [],
    }),
    [lane?.state, lane?.step?.revision, lane?.actor],
  );
  if (lane === undefined) return null;
  const machine = film.lanes.find((each) => each.actor === lane.actor)?.machine ?? "";
  return (
    <section class="panel timeline" aria-labelledby="timeline-title">
      <Title film={film} source={source} atMs={atMs} />
      <div class="buttons forms">
        <h3>{lane.agent === null ? "The upgrade" : `The part of ${lane.agent}`}</h3>
        <AllEdges isBrief={isBrief} setBrief={setBrief} />
      </div>
      <Diagram path={shippedDiagram(machine, isBrief)} brief={isBrief} marks={marks} />
      <LaneFacts film={film} lane={lane} timeMs={timeMs} />
      <Controls
        {...{ film, fromMs: rows.fromMs, lengthMs: rows.lengthMs, atMs: at }}
        state={lane.state ?? ""}
      />
      <Lanes rows={rows} cursor={(at / rows.lengthMs) * 100} chosen={lane.actor} />
      <DiagramTwin film={film} lane={lane} />
      <EventList film={film} />
    </section>
  );
}
