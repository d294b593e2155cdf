import type { AnyStateMachine, EventObject } from "xstate";
import { participantMachine } from "../../machines/participant.ts";
import { upgradeMachine } from "../../machines/upgrade.ts";
import { chartOf } from "../../src/diagram/chart.ts";
import { countableEdges, edgeKey } from "../../src/diagram/edge-counts.ts";
import { takenEdges } from "../../src/diagram/taken-edges.ts";
import type { Entry } from "../../src/journal/store.ts";

type Counts = Map<string, number>;

/** Adds the edges that an event takes from a snapshot. */
export function countEdges(
  machine: AnyStateMachine,
  before: string,
  event: EventObject,
  counts: Counts,
  times = 1,
): void {
  for (const key of takenEdges(machine, before, event)) {
    counts.set(key, (counts.get(key) ?? 0) + times);
  }
}

const machines: readonly AnyStateMachine[] = [upgradeMachine, participantMachine];

/** The file of a source: every machine, its edges in the order in which it is written. */
export function countsText(counts: ReadonlyMap<string, Counts>): string {
  const sorted = machines.map((machine) => {
    const chart = chartOf(machine);
    const taken = countableEdges(chart)
      .map(edgeKey)
      .flatMap((key) => {
        const count = counts.get(chart.name)?.get(key);
        return count === undefined ? [] : [[key, count] as const];
      });
    return [chart.name, Object.fromEntries(taken)];
  });
  return `${JSON.stringify(Object.fromEntries(sorted), null, 2)}\n`;
}

export interface EdgeCounter {
  /** Counts an event at a snapshot of the machine of that name. */
  add(name: string, before: string, event: EventObject, times?: number): void;
  /** Takes an actor's entries in their order; one seen before or of another machine adds nothing. */
  see(entry: Entry): void;
  /** All that was counted, as `countsText` writes it. */
  text(): string;
}

/**
 * Counts the edges of both machines from journal entries, as an engine's listener or afterwards.
 * @param before what was counted before, as `text` wrote it
 */
export function createEdgeCounter(before = "{}"): EdgeCounter {
  const known = JSON.parse(before) as Readonly<Record<string, Readonly<Record<string, number>>>>;
  const counted = new Map(
    machines.map((machine) => [
      machine.id,
      { machine, counts: new Map<string, number>(Object.entries(known[machine.id] ?? {})) },
    ]),
  );
  const tails = new Map<string, { readonly revision: number; readonly snapshot: string }>();
  const add: EdgeCounter["add"] = (name, before, event, times) => {
    const mine = counted.get(name);
    if (mine) countEdges(mine.machine, before, event, mine.counts, times);
  };
  return {
    add,
    see({ actor, revision, machine, event, outcome, snapshot }) {
      const tail = tails.get(actor);
      if (tail && revision <= tail.revision) return;
      tails.set(actor, { revision, snapshot });
      // After a gap it is not known where the event came to; a guard that threw took no edge.
      if (tail?.revision !== revision - 1 || outcome !== "applied") return;
      add(machine, tail.snapshot, event);
    },
    text: () => countsText(new Map([...counted].map(([name, { counts }]) => [name, counts]))),
  };
}
