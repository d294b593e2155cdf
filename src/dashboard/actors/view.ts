import type { Chart } from "../../diagram/chart.ts";
import { eventWords } from "../../diagram/words.ts";
import { limits } from "../../limits.ts";
import type { ActorsClient } from "../../operator/actors/actors-client.ts";
import type { JournalPage } from "../../operator/actors/journal.ts";
import type { ActorLook, ShownActor } from "../../operator/actors/show-actor.ts";
import { activeStatesOf } from "../../operator/actors/state-names.ts";
import type { Taken } from "../../operator/actors/taken-reader.ts";
import { answerOf, eventWordsOf, workerWords } from "../../operator/actors/texts/words.ts";

/** A value in which each date is a number of milliseconds since 1970, as a page gets it. */
type Sent<Value> = Value extends Date
  ? number
  : Value extends object
    ? { readonly [Key in keyof Value]: Sent<Value[Key]> }
    : Value;

/** One page of the actors. */
export type ActorsView = Sent<Omit<Awaited<ReturnType<ActorsClient["list"]>>, "nowMs">> & {
  /** By the database's clock. */
  readonly now: number;
  /** The states of the machine that was asked for, as far as the module has it. */
  readonly states: readonly string[];
  readonly notices: readonly string[];
};

export type JournalView = Sent<JournalPage>;

/** All that the page shows of one actor beside its journal. */
export interface ActorView
  extends Pick<ShownActor, "id" | "machine" | "version" | "database" | "state" | "status"> {
  readonly revision: number;
  readonly tags: readonly string[];
  /** The names of its active states, as in its chart. */
  readonly active: readonly string[];
  /** Its way through its chart. Null: there is no picture. */
  readonly way: Taken | null;
  readonly now: number;
  readonly since: number;
  readonly started: number;
  readonly reason: ShownActor["reason"];
  readonly context: string | null;
  readonly output: string | null;
  readonly timers: readonly { readonly event: string; readonly at: number }[];
  readonly work: Sent<ShownActor["work"]>;
  /** The answer to why. */
  readonly why: { readonly words: string; readonly at: number | null };
  /** The types of events that it takes. Null: not known. */
  readonly events: readonly string[] | null;
  /** The same in words, or why they are not known. Null: it has ended. */
  readonly eventWords: string | null;
  readonly worker: string | null;
  readonly isWorkerAlive: boolean;
  /** The states of its chart. Null: there is no picture. */
  readonly states: Chart["states"] | null;
  /** Why there is no picture, or null. */
  readonly noChart: string | null;
  readonly sending: ActorLook["sending"];
}

/** The value with its dates as numbers. Pure. */
export function sentOf<Value>(value: Value): Sent<Value> {
  const numbers = (each: unknown): unknown => {
    if (each instanceof Date) return each.getTime();
    if (Array.isArray(each)) return each.map(numbers);
    if (typeof each !== "object" || each === null) return each;
    return Object.fromEntries(Object.entries(each).map(([key, held]) => [key, numbers(held)]));
  };
  return numbers(value) as Sent<Value>;
}

/** The names of the states in which alone an actor can be. In a parallel state there are several at once. Pure. */
function lonelyStatesOf({ initial, states }: Chart): readonly string[] {
  if (initial === "" || states.some(({ kind }) => kind === "parallel")) return [];
  return states.filter(({ kind }) => kind === "atomic" || kind === "final").map(({ name }) => name);
}

/** The text of a state by the name of the one state in which it is. Pure. */
function stateTextOf(name: string): string {
  const keys = name.split(".");
  const within = keys
    .slice(0, -1)
    .reduceRight<unknown>((value, key) => ({ [key]: value }), keys.at(-1));
  return typeof within === "string" ? within : JSON.stringify(within);
}

/** Why there is no picture of an actor. Null: there is one. Pure. */
export function noChartWords(
  { machine, version }: Pick<ShownActor, "machine" | "version">,
  versions: readonly string[] | null,
): string | null {
  const wanted = `${machine}@${version}`;
  if (versions === null) {
    return `The picture needs the machine "${machine}": name a module that exports it, with --module of \`lockstep serve\` or as dashboard.module of the agent.`;
  }
  if (versions.includes(wanted)) return null;
  return `The picture needs "${wanted}", and the module has ${versions.join(", ")}: export that version from it too.`;
}

/** The view of one page of actors. Pure. */
export function actorsViewOf(
  { nowMs, ...listed }: Awaited<ReturnType<ActorsClient["list"]>>,
  machine: string | undefined,
  { versions, chart, notices }: Pick<ActorsClient, "versions" | "chart" | "notices">,
): ActorsView {
  const charts = (versions ?? [])
    .filter((each) => each.startsWith(`${machine}@`))
    .map((each) => chart(machine ?? "", each.slice(each.lastIndexOf("@") + 1)));
  const names = charts.flatMap((each) => (each === null ? [] : lonelyStatesOf(each)));
  return {
    ...sentOf(listed),
    now: nowMs,
    states: [...new Set(names.map(stateTextOf))],
    notices: notices.slice(-limits.namesShownMax),
  };
}

/** The view of one actor. Pure. */
export function actorViewOf(
  { shown, why, sending, way }: Awaited<ReturnType<ActorsClient["look"]>>,
  { versions, chart }: Pick<ActorsClient, "versions" | "chart">,
): ActorView {
  const { id, machine, version, database, state, status, revision, tags, reason } = shown;
  const { words, at } = answerOf({
    ...why,
    timers: why.timers.map((timer) => ({ ...timer, event: eventWords(timer.event, new Map()) })),
  });
  const { context, output } = shown.values;
  return {
    ...{ id, machine, version, database, state, status, revision, tags, reason, sending },
    ...{ active: activeStatesOf(state), way },
    ...{ now: shown.nowMs, since: shown.since.getTime(), started: shown.started.getTime() },
    ...{ context: context?.text ?? null, output: output?.text ?? null },
    timers: shown.timers.map(({ event, at: dueAt }) => ({
      ...{ event: eventWords(event, new Map()), at: dueAt.getTime() },
    })),
    work: sentOf(shown.work),
    why: { words, at: at?.getTime() ?? null },
    ...{ events: why.events, eventWords: eventWordsOf(why) },
    ...{ worker: workerWords(why), isWorkerAlive: why.worker?.isAlive ?? false },
    states: chart(machine, version)?.states ?? null,
    noChart: noChartWords(shown, versions),
  };
}
