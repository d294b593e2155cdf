import { deadlineTimer } from "../../../machines/upgrade-context.ts";
import { counted } from "../../counted.ts";
import { cutTo } from "../../errors.ts";
import { limits } from "../../limits.ts";
import type { Film, FilmStep } from "../../operator/film/film.ts";
import { type FilmLine, spanOf } from "../../operator/film/moment.ts";
import { printableLine } from "../../printable.ts";
import { timeSpan } from "../../time-span.ts";
import { clockTime } from "./fleet.ts";

const coordinatorName = "upgrade";

function nameOf({ agent }: FilmLine["lane"]): string {
  return agent ?? coordinatorName;
}

/** Another process goes on with an actor. */
function changeText({ change, by, epoch, version }: FilmStep): string | null {
  const runs = version === null ? "" : ` on ${version}`;
  switch (change) {
    case "took-over":
      return `${by ?? "another agent"} takes over in epoch ${epoch}`;
    case "restarted":
      return `another process${runs}, incarnation ${epoch}`;
    case "died":
      return `its process has died: another one${runs}, incarnation ${epoch}`;
    case null:
      return null;
  }
}

function eventText(step: FilmStep, { kind }: FilmLine["lane"]): string {
  const change = changeText(step);
  if (change !== null) return change;
  if (step.revision === 0) {
    if (kind === "participant") return `begins, incarnation ${step.epoch}`;
    return `begins, ${step.by === null ? "" : `driven by ${step.by} `}in epoch ${step.epoch}`;
  }
  const event = step.about === null ? step.event : `${step.event} ${step.about}`;
  return step.outcome === "rejected" ? `${event} was rejected` : event;
}

function reasonText({ reason }: FilmStep): string {
  if (reason === null) return "";
  return `: ${reason.code}: ${cutTo(reason.message, limits.shownReasonLengthMax)}`;
}

/** The deadline of the state that was entered, on the film's own time. */
function deadlineText({ enters, deadlines }: FilmStep, from: number): string {
  const deadline = enters ? deadlines.find(({ name }) => name === deadlineTimer) : undefined;
  return deadline === undefined ? "" : `, until ${relative(deadline.dueAt - from)}`;
}

const relative = (ms: number) => `+${timeSpan(ms)}`;

/** True for a line that tells something. An event that its state ignored changed nothing. Pure. */
export function isShown({ step }: FilmLine): boolean {
  return step === null || step.outcome !== "ignored";
}

/** The first line of a film. Pure. */
export function renderFilmHead(film: Film): string {
  const { from, until } = spanOf(film);
  const agents = film.lanes.length - 1;
  const kind = film.restoreOf === null ? "upgrade" : "restore";
  const took = film.final ? `took ${timeSpan(until - from)}` : "goes on";
  return `${kind} ${film.upgradeId}  ${film.from} → ${film.to}  ${clockTime(from)}, ${took}, ${counted(agents, "agent")}`;
}

/** The longest name of a state of Lockstep's machines. */
const stateWidth = "checking-readiness".length;

/** A function that writes one line of a film, with the time since its beginning. Pure. */
export function filmLineRenderer(film: Film): (line: FilmLine) => string {
  const { from } = spanOf(film);
  const lengths = film.lanes.map((lane) => nameOf(lane).length);
  const width = lengths.reduce((widest, length) => Math.max(widest, length), 0);
  const nameWidth = Math.min(width, limits.filmNameWidthMax);
  return ({ at, lane, step }) => {
    const time = relative(at - from).padStart(12);
    const name = nameOf(lane).padEnd(nameWidth);
    if (step === null) return printableLine(`${time}  ${name}    serves`);
    const sign = step.enters ? "→" : " ";
    const text = `${eventText(step, lane)}${reasonText(step)}${deadlineText(step, from)}`;
    return printableLine(`${time}  ${name}  ${sign} ${step.state.padEnd(stateWidth)}  ${text}`);
  };
}
