import { fields, flag, list, nullable, oneOf, type Shape, text } from "../shape.ts";
import type { Chart, ChartState, Edge } from "./chart.ts";

const state = fields<ChartState>({
  ...{ name: text, parent: nullable(text), initial: nullable(text), description: text },
  kind: oneOf("atomic", "compound", "parallel", "final", "history"),
  ...{ effects: list(text), invokes: list(text), deadline: flag },
});

const edge = fields<Edge>({
  ...{ from: text, to: text, event: text, guard: nullable(text), leaves: flag },
});

/** The shape of a chart that was read from a file. */
export const chartShape: Shape = fields<Chart>({
  ...{ name: text, initial: text, states: list(state), edges: list(edge), everywhere: list(text) },
});
