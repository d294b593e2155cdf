import type { Chart, Edge } from "./chart.ts";
import { type CountsBySource, countsOf, presentSources } from "./edge-counts.ts";
import { edgeWords } from "./words.ts";

function label(edge: Edge, counts: CountsBySource): string {
  const taken = countsOf(edge, counts);
  return taken.length === 0 ? edgeWords(edge) : `${edgeWords(edge)} (${taken.join(" / ")})`;
}

const id = (state: string) => state.replaceAll("-", "_");

/**
 * A machine as Mermaid text, with one arrow for each pair of states. The arrow lists its events, each with the number
 * of times that it was taken where that was counted. Pure.
 */
export function mermaidOf(chart: Chart, counts: CountsBySource = {}): string {
  const sources = presentSources(counts);
  const lines = ["stateDiagram-v2", "  direction TB"];
  if (sources.length > 0) lines.push(`  %% in brackets: how often taken by ${sources.join(" / ")}`);
  for (const { name } of chart.states) lines.push(`  state "${name}" as ${id(name)}`);
  lines.push(`  [*] --> ${id(chart.initial)}`);
  const pairs = new Map<string, string[]>();
  for (const edge of chart.edges) {
    if (!edge.leaves) continue;
    const pair = `${id(edge.from)} --> ${id(edge.to)}`;
    pairs.set(pair, [...(pairs.get(pair) ?? []), label(edge, counts)]);
  }
  for (const [pair, labels] of pairs) lines.push(`  ${pair}: ${labels.join("<br/>")}`);
  for (const { name, kind } of chart.states) {
    if (kind === "final") lines.push(`  ${id(name)} --> [*]`);
  }
  return `${lines.join("\n")}\n`;
}
