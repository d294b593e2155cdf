import type { Chart, Edge } from "./chart.ts";

function label({ event, guard }: Edge): string {
  if (event === "always") return guard === null ? "at once" : `when ${guard}`;
  return guard === null ? event : `${event}, if ${guard}`;
}

const id = (state: string) => state.replaceAll("-", "_");

/** A machine as Mermaid text: one arrow for each pair of states, its events below each other. Pure. */
export function mermaidOf(chart: Chart): string {
  const lines = ["stateDiagram-v2", "  direction TB"];
  for (const { name } of chart.states) lines.push(`  state "${name}" as ${id(name)}`);
  lines.push(`  [*] --> ${id(chart.initial)}`);
  const pairs = new Map<string, string[]>();
  for (const edge of chart.edges) {
    if (!edge.leaves) continue;
    const pair = `${id(edge.from)} --> ${id(edge.to)}`;
    pairs.set(pair, [...(pairs.get(pair) ?? []), label(edge)]);
  }
  for (const [pair, labels] of pairs) lines.push(`  ${pair}: ${labels.join("<br/>")}`);
  for (const { name, final } of chart.states) if (final) lines.push(`  ${id(name)} --> [*]`);
  return `${lines.join("\n")}\n`;
}
