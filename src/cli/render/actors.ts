import { counted } from "../../counted.ts";
import type { ListedActors } from "../../operator/actors/list.ts";
import type { SentByHand } from "../../operator/actors/send-event.ts";
import type { ActorWhy, ShownActor } from "../../operator/actors/show-actor.ts";
import {
  answerOf,
  eventWordsOf,
  sentWords,
  workerWords,
} from "../../operator/actors/texts/words.ts";
import { printableLine } from "../../printable.ts";
import { timeSpan } from "../../time-span.ts";
import { clockTime } from "./fleet.ts";

function moment(at: Date, nowMs: number): string {
  const ms = at.getTime() - nowMs;
  return `${clockTime(at.getTime())} (${ms < 0 ? `${timeSpan(-ms)} ago` : `in ${timeSpan(ms)}`})`;
}

/** The time at which a worker has to do something for an actor of a list, in words. */
function dueText(due: Date | null, nowMs: number): string {
  if (due === null) return "";
  if (due.getTime() === 0) return "work waits";
  const ms = due.getTime() - nowMs;
  return ms < 0 ? `due for ${timeSpan(-ms)}` : `due in ${timeSpan(ms)}`;
}

/** Columns of texts: each as wide as its longest text. */
function columns(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, index) =>
    Math.max(...rows.map((row) => (row[index] ?? "").length)),
  );
  return rows.map((row) =>
    row
      .map((text, index) => text.padEnd(widths[index] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}

/** A page of actors. Pure. */
export function renderList({
  actors,
  next,
  staleMs,
  workers,
  database,
  nowMs,
}: ListedActors): readonly string[] {
  const rows = actors.map(({ id, machine, version, state, status, since, due }) =>
    [
      ...[id, `${machine} ${version}`, state, status === "active" ? "" : status],
      ...[`since ${moment(since, nowMs)}`, dueText(due, nowMs)],
    ].map(printableLine),
  );
  const behind =
    workers === 0
      ? "no worker is alive for them: the list does not have what has happened since the last one wrote it"
      : `the list may be up to ${timeSpan(staleMs)} behind`;
  const count = actors.length === 0 ? "no actor matches" : counted(actors.length, "actor");
  return [
    ...columns(rows),
    `${count} in "${printableLine(database)}"; ${behind}`,
    ...(next === null ? [] : [`there may be more: go on with --after ${printableLine(next)}`]),
  ];
}

type Standing = Omit<ActorWhy, "events" | "reason" | "lack" | "isStuck">;

function headLine({ id, machine, version, state, status, since, nowMs }: Standing): string {
  const ended = status === "active" ? "" : `, ${status}`;
  return printableLine(
    `${id}  ${machine} ${version}  ${state}${ended}  since ${moment(since, nowMs)}`,
  );
}

function timerLines({ timers, nowMs }: Standing): readonly string[] {
  return timers.map(({ event, at }) => printableLine(`  timer   ${event}  ${moment(at, nowMs)}`));
}

function workLines({ work, nowMs }: Standing): readonly string[] {
  return work.map(({ kind, name, attempt, lastError, nextAttempt }) => {
    const next = nextAttempt === null ? "" : `; next attempt ${moment(nextAttempt, nowMs)}`;
    const error = lastError === null ? "" : `; last error: ${lastError}`;
    return printableLine(`  work    ${kind} ${name}, attempt ${attempt}${next}${error}`);
  });
}

function workerLine(standing: Standing): readonly string[] {
  const words = workerWords(standing);
  return words === null ? [] : [printableLine(`  worker  ${words}`)];
}

/** The answer to the question what can move an actor. Pure. */
export function renderWhy(why: ActorWhy): readonly string[] {
  const { words, at } = answerOf(why);
  const events = eventWordsOf(why);
  return [
    headLine(why),
    printableLine(`  ${words}${at === null ? "" : ` ${moment(at, why.nowMs)}`}`),
    ...(events === null ? [] : [printableLine(`  events  ${events}`)]),
    ...timerLines(why),
    ...workLines(why),
    ...workerLine(why),
  ];
}

/** Each line of a value stands under its name, so that no line of it looks like one of ours. */
function valueLines(name: string, value: { readonly text: string } | null): readonly string[] {
  if (value === null) return [];
  const lines = value.text.split("\n").map(printableLine);
  if (lines.length === 1) return [`  ${name.padEnd(7)} ${lines[0]}`];
  return [`  ${name}`, ...lines.map((line) => `    ${line}`)];
}

/** One actor. Pure. */
export function renderActor(actor: ShownActor): readonly string[] {
  const { revision, started, tags, reason, values, history, nowMs } = actor;
  const rows = history.map((each) => [
    ...[`    ${each.revision}`, clockTime(each.at.getTime()), each.kind, each.type, each.outcome],
    `→ ${each.state}${each.status === "active" ? "" : `, ${each.status}`}`,
    each.reason === null ? "" : `${each.reason.code}: ${each.reason.message}`,
  ]);
  return [
    headLine(actor),
    `  revision ${revision}, started ${moment(started, nowMs)}`,
    ...(tags.length === 0 ? [] : [printableLine(`  tags    ${tags.join(", ")}`)]),
    ...(reason === null ? [] : [printableLine(`  reason  ${reason.code}: ${reason.message}`)]),
    ...valueLines("context", values.context),
    ...valueLines("output", values.output),
    ...timerLines(actor),
    ...workLines(actor),
    ...workerLine(actor),
    `  last ${counted(history.length, "transition")}`,
    ...columns(rows.map((row) => row.map(printableLine))),
  ];
}

/** The answer to an event. Pure. */
export function renderSent(sent: SentByHand): string {
  return printableLine(sentWords(sent));
}
