import { anyState, type Chart, type Edge } from "../chart.ts";
import { countsOf, presentSources } from "../edge-counts.ts";
import { edgeText, type Notes, signOf } from "../notes.ts";

const stateName = (name: string) => (name === anyState ? "any state" : name);

/** An edge for a reader who points at it: where it leads, and how often each source took it. Pure. */
export function edgeTitle(edge: Edge, notes: Notes): string {
  const { counts = {} } = notes;
  const way = edge.from === edge.to ? `in ${edge.from}` : `${stateName(edge.from)} → ${edge.to}`;
  const taken = countsOf(edge, counts);
  const sources = presentSources(counts).map((source, index) => `${source} ${taken[index]}`);
  const often = sources.length === 0 ? "" : `; taken by ${sources.join(", ")}`;
  return `${edgeText(edge, notes)}: ${way}${often}`;
}

/** A diagram as text, for readers who do not see it. Pure. */
export function descriptionOf(
  chart: Chart,
  notes: Notes = {},
  active: readonly string[] = [],
): string {
  const sentences = chart.states.map(({ name, kind }) => {
    const sign = signOf(notes.states?.get(name));
    const ways = new Map<string, string[]>();
    for (const edge of chart.edges) {
      if (edge.from !== name || edge.to === name) continue;
      ways.set(edge.to, [...(ways.get(edge.to) ?? []), edgeText(edge, notes)]);
    }
    const led = [...ways].map(([to, edges]) => `to ${to} by ${edges.join(" or ")}`);
    if (led.length > 0) return `${sign}${name} leads ${led.join("; ")}.`;
    return kind === "final" ? `${sign}${name} is final.` : `${sign}${name}.`;
  });
  const general = chart.edges.filter(({ from }) => from === anyState);
  return [
    ...(active.length > 0 ? [`Active: ${active.join(", ")}.`] : []),
    ...(chart.initial === "" ? [] : [`Begins in ${chart.initial}.`]),
    ...sentences,
    ...general.map((edge) => `Any state leads to ${edge.to} by ${edgeText(edge, notes)}.`),
  ].join(" ");
}
