import type { ElkExtendedEdge, ElkNode } from "elkjs/lib/elk-api.js";
import { anyState, type Chart, type ChartState, type Edge } from "../chart.ts";
import { countText, edgeText, type Notes, signOf } from "../notes.ts";
import { type Font, fitted, textWidth } from "./text-width.ts";

export const fonts = {
  title: { size: 15, bold: true },
  name: { size: 14, bold: true },
  line: { size: 11.5, bold: true },
} as const satisfies Record<string, Font>;

export const spacing = {
  line: 17,
  head: 30,
  side: 14,
  foot: 8,
  labelSide: 8,
  labelTop: 5,
} as const;
const lineWidthMax = 320;

/** A line of text in a state: work that it asks for, or an edge that does not lead to another state. */
export interface Line {
  readonly text: string;
  /** How often the edge was taken, as a text behind the line. */
  readonly count: string;
  /** The edge that the line stands for, or null. */
  readonly edge: Edge | null;
}

/** The line of an edge, with a sign before it. */
function edgeLine(edge: Edge, sign: string, notes: Notes): Line {
  const text = fitted(`${sign}${edgeText(edge, notes)}`, fonts.line, lineWidthMax);
  return { text, count: countText(edge, notes), edge };
}

const widthOf = ({ text, count }: Line) => textWidth(`${text}${count}`, fonts.line);

const options = {
  "elk.algorithm": "layered",
  "elk.direction": "DOWN",
  "elk.hierarchyHandling": "INCLUDE_CHILDREN",
  "elk.edgeRouting": "ORTHOGONAL",
  "elk.randomSeed": "1",
  "elk.layered.edgeLabels.centerLabelPlacementStrategy": "SPACE_EFFICIENT_LAYER",
  "elk.layered.cycleBreaking.strategy": "MODEL_ORDER",
  "elk.layered.considerModelOrder.strategy": "PREFER_EDGES",
  "elk.layered.nodePlacement.strategy": "BRANDES_KOEPF",
  "elk.layered.nodePlacement.favorStraightEdges": "true",
  "elk.layered.spacing.nodeNodeBetweenLayers": "26",
  "elk.layered.spacing.edgeNodeBetweenLayers": "18",
  "elk.spacing.nodeNode": "30",
  "elk.spacing.edgeNode": "20",
  "elk.spacing.edgeEdge": "14",
  "elk.spacing.edgeLabel": "6",
  "elk.json.shapeCoords": "ROOT",
  "elk.json.edgeCoords": "ROOT",
  "elk.padding": "[top=12,left=12,bottom=12,right=12]",
} as const;

export const dotSize = 12;
export const anyName = "any state";

/** The key of a state, without the path before it, as far as it fits. Pure. */
export function titleOf({ name, parent, kind }: ChartState, { states }: Notes): string {
  const own = parent === null ? name : name.slice(parent.length + 1);
  const key = kind === "history" ? `${own} (history)` : own;
  return fitted(`${signOf(states?.get(name))}${key}`, fonts.name, lineWidthMax);
}

/** The lines of text within a state. Pure. */
export function linesOf(chart: Chart, state: ChartState, notes: Notes): readonly Line[] {
  const work = [...state.effects, ...state.invokes].map((name) => ({
    text: fitted(`▸ ${name}`, fonts.line, lineWidthMax),
    ...{ count: "", edge: null },
  }));
  if (notes.brief) return work;
  const stays = chart.edges.filter(({ from, to }) => from === state.name && to === from);
  return [...work, ...stays.map((edge) => edgeLine(edge, edge.leaves ? "↻ " : "· ", notes))];
}

/** The label of an arrow: a line for each of its edges. Pure. */
export function labelLines(edges: readonly Edge[], notes: Notes): readonly Line[] {
  if (notes.brief) return [];
  return edges.map((edge) => edgeLine(edge, "", notes));
}

/** The edges from each state to each other one. Pure. */
export function pairsOf({ edges }: Chart): readonly (readonly Edge[])[] {
  const pairs = new Map<string, Edge[]>();
  for (const edge of edges) {
    if (edge.from === edge.to) continue;
    const pair = JSON.stringify([edge.from, edge.to]);
    pairs.set(pair, [...(pairs.get(pair) ?? []), edge]);
  }
  return [...pairs.values()];
}

/** The ids of ELK's nodes and edges. */
export const ids = {
  state: (name: string) => (name === anyState ? "any" : `state:${name}`),
  dot: (parent: string) => `dot:${parent}`,
  begin: (parent: string) => `begin:${parent}`,
  arrow: (index: number) => `arrow:${index}`,
};

function stateSize(title: string, lines: readonly Line[]): { width: number; height: number } {
  const widths = lines.map(widthOf);
  return {
    width: Math.max(textWidth(title, fonts.name) + dotSize, ...widths) + 2 * spacing.side,
    height: spacing.head + lines.length * spacing.line + (lines.length > 0 ? spacing.foot : 0),
  };
}

function nodesWithin(chart: Chart, parent: string | null, notes: Notes): ElkNode[] {
  return chart.states
    .filter((state) => state.parent === parent)
    .map((state) => nodeOf(chart, state, notes));
}

const dotNode = (parent: string): ElkNode => ({
  ...{ id: ids.dot(parent), width: dotSize, height: dotSize },
});

function nodeOf(chart: Chart, state: ChartState, notes: Notes): ElkNode {
  const size = stateSize(titleOf(state, notes), linesOf(chart, state, notes));
  const children = nodesWithin(chart, state.name, notes);
  const node: ElkNode = { id: ids.state(state.name), ...size };
  if (children.length === 0) return node;
  return {
    ...node,
    children: [...(state.initial === null ? [] : [dotNode(state.name)]), ...children],
    layoutOptions: {
      "elk.padding": `[top=${size.height + 10},left=16,bottom=16,right=16]`,
      "elk.nodeSize.constraints": "MINIMUM_SIZE",
      "elk.nodeSize.minimum": `(${size.width},${size.height})`,
    },
  };
}

function arrowEdge(edges: readonly Edge[], index: number, notes: Notes): ElkExtendedEdge {
  const [{ from = "", to = "" } = {}] = edges;
  const lines = labelLines(edges, notes);
  const label = {
    // ELK leaves a label without text where it is.
    text: "edges",
    width: Math.max(...lines.map(widthOf)) + 2 * spacing.labelSide,
    height: lines.length * spacing.line + 2 * spacing.labelTop,
    layoutOptions: { "elk.edgeLabels.inline": "true", "elk.edgeLabels.placement": "CENTER" },
  };
  return {
    id: ids.arrow(index),
    sources: [ids.state(from)],
    targets: [ids.state(to)],
    labels: lines.length === 0 ? [] : [label],
  };
}

/** The graph that ELK places for a chart. Pure. */
export function graphOf(chart: Chart, notes: Notes): ElkNode {
  const begins = [
    ...(chart.initial === "" ? [] : [{ parent: "", to: chart.initial }]),
    ...chart.states.flatMap(({ name, initial }) =>
      initial === null ? [] : [{ parent: name, to: initial }],
    ),
  ];
  const isFromAny = chart.edges.some(({ from }) => from === anyState);
  const any = { id: ids.state(anyState), width: textWidth(anyName, fonts.line) + 24, height: 24 };
  return {
    id: "chart",
    layoutOptions: notes.brief ? { ...options, "elk.direction": "RIGHT" } : options,
    children: [
      ...(chart.initial === "" ? [] : [dotNode("")]),
      ...(isFromAny ? [any] : []),
      ...nodesWithin(chart, null, notes),
    ],
    edges: [
      ...begins.map(({ parent, to }) => ({
        ...{ id: ids.begin(parent), sources: [ids.dot(parent)], targets: [ids.state(to)] },
      })),
      ...pairsOf(chart).map((edges, index) => arrowEdge(edges, index, notes)),
    ],
  };
}
