import type { Chart, ChartState, Edge } from "./chart.ts";
import { edgeKey } from "./edge-counts.ts";
import type { Change, Notes } from "./notes.ts";

/** Two versions of a chart, side by side. */
export interface Difference {
  /** All that either version has. */
  readonly chart: Chart;
  /** The parts that only one version has. */
  readonly notes: Notes;
  /** The catalogue's changes, a line each. It is empty where the versions are equal. */
  readonly lines: readonly string[];
}

/** The parts of both lists by their keys: those of the second one in its order, each earlier part behind its predecessor. */
function merged<Part>(
  before: readonly Part[],
  after: readonly Part[],
  keyOf: (part: Part) => string,
): { readonly all: readonly Part[]; readonly changes: ReadonlyMap<string, Change> } {
  const [old, now] = [new Set(before.map(keyOf)), new Set(after.map(keyOf))];
  const all = [...after];
  for (const [index, part] of before.entries()) {
    if (now.has(keyOf(part))) continue;
    const previous = before[index - 1];
    const place =
      previous === undefined ? -1 : all.findIndex((each) => keyOf(each) === keyOf(previous));
    all.splice(place + 1, 0, part);
  }
  const changes = new Map<string, Change>();
  for (const key of all.map(keyOf)) {
    if (!old.has(key)) changes.set(key, "added");
    else if (!now.has(key)) changes.set(key, "removed");
  }
  return { all, changes };
}

const list = (words: readonly string[]) => (words.length === 0 ? "–" : words.join(", "));

/** The facts of a state in the catalogue, by the name of their column. */
function factsOf(state: ChartState): Readonly<Record<string, string>> {
  return {
    kind: state.kind,
    "waits for": state.description || "–",
    deadline: state.deadline ? "yes" : "–",
    "on entry": list([...state.effects, ...state.invokes]),
    "begins in": state.initial ?? "–",
  };
}

function changedFacts(
  before: readonly ChartState[],
  after: readonly ChartState[],
): readonly string[] {
  return after.flatMap((state) => {
    const old = before.find(({ name }) => name === state.name);
    if (old === undefined) return [];
    const was = factsOf(old);
    return Object.entries(factsOf(state)).flatMap(([column, now]) =>
      was[column] === now ? [] : [`~ ${state.name}, ${column}: ${was[column]} → ${now}`],
    );
  });
}

const changeLines = (what: string, changes: ReadonlyMap<string, Change>): readonly string[] =>
  [...changes].map(([key, change]) => `${change === "added" ? "+" : "−"} ${what} ${key}`);

const way = ({ leaves }: Edge) => (leaves ? "enters its state anew" : "stays in its state");

/** The edges that are in both versions, and leave their state in only one. */
function changedWays(before: readonly Edge[], after: readonly Edge[]): readonly string[] {
  return after.flatMap((edge) => {
    const old = before.find((each) => edgeKey(each) === edgeKey(edge));
    if (old === undefined || old.leaves === edge.leaves) return [];
    return [`~ edge ${edgeKey(edge)}: ${way(old)} → ${way(edge)}`];
  });
}

/** The change from one version of a chart to the next. Pure. */
export function differenceOf(before: Chart, after: Chart): Difference {
  const states = merged(before.states, after.states, ({ name }) => name);
  const edges = merged(before.edges, after.edges, edgeKey);
  const everywhere = merged(before.everywhere, after.everywhere, (event) => event);
  const initial =
    before.initial === after.initial ? [] : [`~ begins in: ${before.initial} → ${after.initial}`];
  return {
    chart: { ...after, states: states.all, edges: edges.all, everywhere: everywhere.all },
    notes: { states: states.changes, edges: edges.changes },
    lines: [
      ...initial,
      ...changeLines("state", states.changes),
      ...changedFacts(before.states, after.states),
      ...changeLines("edge", edges.changes),
      ...changedWays(before.edges, after.edges),
      ...changeLines("in every state", everywhere.changes),
    ],
  };
}
