import { type AnyStateMachine, fromPromise } from "xstate";
import { LockstepError } from "../../../errors.ts";
import type { Chart } from "../outcome.ts";
import { withActiveNodes } from "./active-nodes.ts";
import { withBound } from "./xstate-internals.ts";

const placeholders = new WeakMap<Chart, WeakMap<AnyStateMachine, AnyStateMachine>>();

/** A machine with an end to its cycles, and with every task of the chart as a source. */
export function prepared(machine: AnyStateMachine, chart: Chart): AnyStateMachine {
  const ofChart = placeholders.get(chart) ?? new WeakMap<AnyStateMachine, AnyStateMachine>();
  placeholders.set(chart, ofChart);
  const known = ofChart.get(machine);
  if (known) return known;
  const missing = [...chart.tasks].filter((name) => !(name in machine.implementations.actors));
  const actors = Object.fromEntries(missing.map((name) => [name, taskPlaceholder]));
  const ready = withActiveNodes(withBound(machine.provide({ actors } as never) as AnyStateMachine));
  ofChart.set(machine, ready);
  ofChart.set(ready, ready);
  return ready;
}

/** Stands for the logic of a task that the chart only names. */
const taskPlaceholder = fromPromise(async () => {
  throw new LockstepError("unexpected", "the placeholder of a task was run");
});
