import type { ElkExtendedEdge, ElkNode } from "elkjs/lib/elk-api.js";
import { assert } from "../../errors.ts";
import { anyState, type Chart, type ChartState, type Edge } from "../chart.ts";
import type { Notes } from "../notes.ts";
import {
  dotSize,
  graphOf,
  ids,
  type Line,
  labelLines,
  linesOf,
  pairsOf,
  titleOf,
} from "./graph.ts";

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Box extends Point {
  readonly width: number;
  readonly height: number;
}

export interface PlacedState {
  readonly state: ChartState;
  /** Its key, as far as it fits. */
  readonly title: string;
  readonly box: Box;
  readonly lines: readonly Line[];
}

/** One arrow, which stands for all edges between two states. Its label has a line for each. */
export interface Arrow {
  readonly from: string;
  readonly to: string;
  readonly points: readonly Point[];
  /** Null in a brief picture. */
  readonly label: Box | null;
  readonly edges: readonly Edge[];
  readonly lines: readonly Line[];
}

/** A chart with a place for everything. */
export interface Layout {
  readonly chart: Chart;
  readonly width: number;
  readonly height: number;
  /** Each state before the states within it. */
  readonly states: readonly PlacedState[];
  /** The dots from which a machine, or a state with states within it, begins, and their arrows. */
  readonly begins: readonly { readonly dot: Point; readonly points: readonly Point[] }[];
  /** The mark of "any state", where edges lead away from every state. */
  readonly any: Box | null;
  readonly arrows: readonly Arrow[];
}

interface Placed {
  readonly nodes: ReadonlyMap<string, Box>;
  readonly edges: ReadonlyMap<string, ElkExtendedEdge>;
}

const rounded = (value: number | undefined) => Math.round((value ?? 0) * 10) / 10;

function boxOf(shape: Partial<Box>): Box {
  const { x, y, width, height } = shape;
  return { x: rounded(x), y: rounded(y), width: rounded(width), height: rounded(height) };
}

/** Every node and edge of a placed graph by its id. Pure. */
function placedOf(graph: ElkNode): Placed {
  const nodes = new Map<string, Box>();
  const edges = new Map<string, ElkExtendedEdge>();
  const visit = (node: ElkNode) => {
    nodes.set(node.id, boxOf(node));
    for (const edge of node.edges ?? []) edges.set(edge.id, edge);
    for (const child of node.children ?? []) visit(child);
  };
  visit(graph);
  return { nodes, edges };
}

function pointsOf(edge: ElkExtendedEdge | undefined): readonly Point[] {
  const section = edge?.sections?.[0];
  assert(section, "each edge is routed", { edge: edge?.id });
  const { startPoint, bendPoints = [], endPoint } = section;
  return [startPoint, ...bendPoints, endPoint].map(({ x, y }) => ({
    x: rounded(x),
    y: rounded(y),
  }));
}

function nodeBox({ nodes }: Placed, id: string): Box {
  const box = nodes.get(id);
  assert(box, "each node is placed", { id });
  return box;
}

/** Puts everything of a chart in its place. Equal charts get equal places. */
export async function layoutOf(chart: Chart, notes: Notes = {}): Promise<Layout> {
  // The library is large: only a process that draws loads it.
  const elk = new (await import("elkjs/lib/elk.bundled.js")).default.default();
  const graph = await elk.layout(graphOf(chart, notes));
  const placed = placedOf(graph);
  const begins = ["", ...chart.states.map(({ name }) => name)].flatMap((parent) => {
    const dot = placed.nodes.get(ids.dot(parent));
    if (dot === undefined) return [];
    const centre = { x: dot.x + dotSize / 2, y: dot.y + dotSize / 2 };
    return [{ dot: centre, points: pointsOf(placed.edges.get(ids.begin(parent))) }];
  });
  return {
    chart,
    width: Math.ceil(graph.width ?? 0),
    height: Math.ceil(graph.height ?? 0),
    states: chart.states.map((state) => ({
      state,
      title: titleOf(state, notes),
      box: nodeBox(placed, ids.state(state.name)),
      lines: linesOf(chart, state, notes),
    })),
    begins,
    any: placed.nodes.get(ids.state(anyState)) ?? null,
    arrows: pairsOf(chart).map((edges, index) => {
      const edge = placed.edges.get(ids.arrow(index));
      const [{ from = "", to = "" } = {}] = edges;
      const lines = labelLines(edges, notes);
      const [placedLabel] = edge?.labels ?? [];
      const label = placedLabel === undefined ? null : boxOf(placedLabel);
      return { from, to, edges, points: pointsOf(edge), label, lines };
    }),
  };
}
