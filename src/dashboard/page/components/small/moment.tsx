import {
  deadlineTimer,
  isSilenceTimer,
  silenceTimer,
} from "../../../../../machines/upgrade-context.ts";
import type { Film } from "../../../../operator/film/film.ts";
import { type LaneMoment, momentAt } from "../../../../operator/film/moment.ts";
import { countdown, span } from "../../figures/format.ts";
import { StateList } from "./state-list.tsx";
import { Moment } from "./time.tsx";

/** One actor of a film at a time. Pure. */
export function laneAt(film: Film, actor: string | null, timeMs: number): LaneMoment | undefined {
  const { lanes } = momentAt(film, timeMs);
  return lanes.find((lane) => lane.actor === actor) ?? lanes[0];
}

/** The machine of a lane. */
function chartOf({ lanes, charts }: Film, lane: LaneMoment): Film["charts"][string] | undefined {
  return charts[lanes.find(({ actor }) => actor === lane.actor)?.machine ?? ""];
}

/** The name of a timer for a person. */
function deadlineName(name: string): string {
  if (name === deadlineTimer) return "Deadline";
  return isSilenceTimer(name) ? `Turns back for ${name.slice(silenceTimer("").length)}` : name;
}

interface Props {
  readonly film: Film;
  readonly lane: LaneMoment;
  readonly timeMs: number;
}

/** The facts of one actor at one moment. */
export function LaneFacts({ film, lane, timeMs }: Props) {
  const { state, since, step, deadlines, reason } = lane;
  const isOver = chartOf(film, lane)?.states.find(({ name }) => name === state)?.kind === "final";
  if (state === null || since === null || step === null) {
    return <p class="detail">It has not begun.</p>;
  }
  return (
    <dl class="moment">
      <div>
        <dt>State</dt>
        <dd>
          <strong>{state}</strong>{" "}
          {isOver ? (
            <>
              since <Moment at={since} />
            </>
          ) : (
            `for ${span(timeMs - since)}`
          )}
        </dd>
      </div>
      <div>
        <dt>Last event</dt>
        <dd>
          <code>{step.event}</code> {step.about} at <Moment at={step.at} />
          {step.by !== null && `, by ${step.by}`}
          {step.version !== null && ` (${step.version})`}
        </dd>
      </div>
      {deadlines.map(({ name, dueAt }) => (
        <div key={name}>
          <dt>{deadlineName(name)}</dt>
          <dd>
            in <span class="countdown">{countdown(dueAt - timeMs)}</span>
          </dd>
        </div>
      ))}
      {reason !== null && (
        <div>
          <dt>Reason</dt>
          <dd title={reason.message}>
            <code>{reason.code}</code> {reason.message}
          </dd>
        </div>
      )}
    </dl>
  );
}

interface TwinProps {
  readonly film: Film;
  readonly lane: LaneMoment;
}

/** The diagram as a list, for readers who do not see it. */
export function DiagramTwin({ film, lane }: TwinProps) {
  const chart = chartOf(film, lane);
  if (!chart) return null;
  const steps = film.lanes.find(({ actor }) => actor === lane.actor)?.steps ?? [];
  const passed = steps.filter(({ at }) => at <= (lane.step?.at ?? 0)).map((s) => s.state);
  const active = lane.state === null ? [] : [lane.state];
  return <StateList states={chart.states} active={active} passed={passed} taken={lane.taken} />;
}
