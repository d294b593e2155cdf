import type { TimerRecord, WorkRecord } from "../journal/entry.ts";
import type { ChartNode } from "./chart-nodes.ts";
import type { Means } from "./map-children.ts";
import type { MappedStates } from "./map-states.ts";
import type { MappedTree } from "./map-tree.ts";

const prefix = "xstate.after.";

/** Timers in the new chart, and those of an `after` that it does not have. */
export interface MappedTimers {
  readonly kept: readonly TimerRecord[];
  readonly dropped: readonly TimerRecord[];
}

/** The timers of `after` follow their states. All others stay as they are. */
export function mapTimers(timers: readonly TimerRecord[], { actors }: MappedTree): MappedTimers {
  const kept: TimerRecord[] = [];
  const dropped: TimerRecord[] = [];
  for (const timer of timers) {
    const states = actors.get(timer.source)?.machine?.states;
    if (!timer.eventType.startsWith(prefix) || states === undefined) {
      kept.push(timer);
      continue;
    }
    const eventType = eventTypeIn(states, timer.eventType);
    if (eventType === undefined) dropped.push(timer);
    else if (eventType === timer.eventType) kept.push(timer);
    else {
      const event = JSON.stringify({ type: eventType });
      kept.push({ ...timer, sendId: eventType, eventType, event });
    }
  }
  return { kept, dropped };
}

type After = ChartNode["after"][number];

function afterOf(candidates: readonly ChartNode[], fits: (after: After) => boolean) {
  return candidates.flatMap(({ after }) => after.filter(fits))[0]?.eventType;
}

function eventTypeIn({ places, active }: MappedStates, eventType: string): string | undefined {
  for (const { path, before, candidates } of places) {
    if (before) {
      const old = before.after.find((after) => after.eventType === eventType);
      if (old) return afterOf(candidates, ({ delay }) => String(delay) === String(old.delay));
      continue;
    }
    // Without the chart before, the type is read as XState makes it: the delay, the root's id, the path.
    const suffix = path.map((key) => `.${key}`).join("");
    if (suffix === "" || !eventType.endsWith(suffix)) continue;
    const middle = eventType.slice(prefix.length, eventType.length - suffix.length);
    const found = afterOf(candidates, ({ delay }) => middle.startsWith(`${delay}.`));
    if (found !== undefined) return found;
  }
  return afterOf(active, (after) => after.eventType === eventType);
}

/** Work in the new chart. */
export function mapWork(
  work: readonly WorkRecord[],
  { actors }: MappedTree,
  { chart, troubles }: Means,
): readonly WorkRecord[] {
  return work.map((record): WorkRecord => {
    const owner = actors.get(record.birth);
    const path = owner?.where ?? record.path;
    const { kind, name } = record;
    if (kind === "action" && !chart.actions.has(name)) {
      const message = `"${name}" waits to be carried out, and is not among the actions of the new version: keep it there`;
      troubles.add("work-lost", `${record.path}: ${name}`, message);
    }
    if (kind === "action" || kind === "message") return { ...record, path };
    const source = owner?.src ?? name;
    return { ...record, name: source, path, kind: chart.tasks.has(source) ? "task" : "live" };
  });
}
