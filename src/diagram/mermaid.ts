import { anyState, type Chart, type ChartState, type Edge } from "./chart.ts";
import { type CountsBySource, countsOf, presentSources } from "./edge-counts.ts";
import { edgeWords } from "./words.ts";

/** A text in which Mermaid sees no sign of its own. */
function plain(text: string): string {
  return text
    .replace(/[\s\p{Cc}]+/gu, " ")
    .replace(/["#;<>{}]/g, (character) => `#${character.charCodeAt(0)};`);
}

function label(edge: Edge, counts: CountsBySource): string {
  const taken = countsOf(edge, counts);
  const words = plain(edgeWords(edge));
  return taken.length === 0 ? words : `${words} (${taken.join(" / ")})`;
}

/** The id of each state: different names have different ids. */
function idsOf({ states }: Chart): ReadonlyMap<string, string> {
  const ids = new Map<string, string>();
  const used = new Set<string>();
  for (const { name } of [...states, { name: anyState }]) {
    const wanted = name === anyState ? "any_state" : name.replace(/\W/gu, "_");
    let id = wanted;
    for (let next = 2; used.has(id); next += 1) id = `${wanted}_${next}`;
    used.add(id);
    ids.set(name, id);
  }
  return ids;
}

/** Writes the states of a chart, each with the states within it. */
class StateWriter {
  readonly #chart: Chart;
  readonly #ids: ReadonlyMap<string, string>;

  constructor(chart: Chart, ids: ReadonlyMap<string, string>) {
    this.#chart = chart;
    this.#ids = ids;
  }

  id(name: string): string {
    return this.#ids.get(name) ?? name;
  }

  /** The states within a state, or at the top. Regions that are active together have a line between them. */
  within(parent: ChartState | null, indent: string): readonly string[] {
    const name = parent?.name ?? null;
    const states = this.#chart.states.filter((state) => state.parent === name);
    const initial = parent === null ? this.#chart.initial : (parent.initial ?? "");
    const border = parent?.kind === "parallel" ? [`${indent}--`] : [];
    return [
      ...states.flatMap((state, index) => [
        ...(index > 0 ? border : []),
        ...this.#state(state, indent),
      ]),
      ...(initial === "" ? [] : [`${indent}[*] --> ${this.id(initial)}`]),
    ];
  }

  #state(state: ChartState, indent: string): readonly string[] {
    const { name, parent } = state;
    const key = plain(parent === null ? name : name.slice(parent.length + 1));
    const head = `${indent}state "${key}" as ${this.id(name)}`;
    const inner = this.within(state, `${indent}  `);
    return inner.length === 0 ? [head] : [`${head} {`, ...inner, `${indent}}`];
  }
}

/**
 * A machine as Mermaid text, with one arrow for each pair of states. The arrow lists its events, each with the number
 * of times that it was taken where that was counted. Pure.
 */
export function mermaidOf(chart: Chart, counts: CountsBySource = {}): string {
  const sources = presentSources(counts);
  const writer = new StateWriter(chart, idsOf(chart));
  const lines = ["stateDiagram-v2", "  direction TB"];
  if (sources.length > 0) lines.push(`  %% in brackets: how often taken by ${sources.join(" / ")}`);
  lines.push(...writer.within(null, "  "));
  if (chart.edges.some(({ from }) => from === anyState)) {
    lines.push(`  state "any state" as ${writer.id(anyState)}`);
  }
  const pairs = new Map<string, string[]>();
  for (const edge of chart.edges) {
    if (!edge.leaves) continue;
    const pair = `${writer.id(edge.from)} --> ${writer.id(edge.to)}`;
    pairs.set(pair, [...(pairs.get(pair) ?? []), label(edge, counts)]);
  }
  for (const [pair, labels] of pairs) lines.push(`  ${pair}: ${labels.join("<br/>")}`);
  for (const { name, kind, parent } of chart.states) {
    if (kind === "final" && parent === null) lines.push(`  ${writer.id(name)} --> [*]`);
  }
  return `${lines.join("\n")}\n`;
}
