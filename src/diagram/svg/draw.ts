import { anyState, type Edge } from "../chart.ts";
import { edgeKey, presentSources } from "../edge-counts.ts";
import type { Change, Notes } from "../notes.ts";
import { anyName, type Line, spacing } from "./graph.ts";
import type { Arrow, Box, Layout, PlacedState, Point } from "./layout.ts";
import { diagramStyle } from "./style.ts";
import { descriptionOf, edgeTitle } from "./twin.ts";

/** The parts of a diagram that are marked. */
export interface Marks {
  /** The names of the active states. */
  readonly active?: readonly string[];
  /** The keys of the edges that were taken. */
  readonly taken?: readonly string[];
  /** The keys of the edges that the last event took. */
  readonly last?: readonly string[];
}

export interface SvgOptions {
  readonly marks?: Marks;
  readonly notes?: Notes;
  /** The words of the title. Default: the machine's name. */
  readonly title?: string;
  /** The start of every id, so that a page can hold several diagrams. Default: the machine's name. */
  readonly prefix?: string;
  /**
   * False for a page that has `diagramStyle` in its own style sheet, and no background of its own is drawn. Default: true
   */
  readonly standalone?: boolean;
}

const margin = 8;
const headLength = 7;
const bendRadius = 8;

/** Text for XML, without the characters that XML cannot hold. Pure. */
function escaped(text: string): string {
  return text
    .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, "�")
    .replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** A text as part of an id that stands in a selector as it is. Different texts have different ids. Pure. */
function idPart(text: string): string {
  return text.replace(/[^A-Za-z0-9-]/gu, (character) =>
    character === "." ? "_" : `_${character.codePointAt(0)?.toString(16)}_`,
  );
}

/** The id of a state in a diagram. Pure. */
export function stateElementId(prefix: string, state: string): string {
  return `${idPart(prefix)}--state--${idPart(state)}`;
}

/** The id of an edge in a diagram, by its key. Pure. */
export function edgeElementId(prefix: string, key: string): string {
  return `${idPart(prefix)}--edge--${idPart(key)}`;
}

function classes(...names: readonly (string | false | undefined)[]): string {
  return names.filter((name) => name).join(" ");
}

/** The way of an arrow with round bends. Pure. */
function pathOf(points: readonly Point[]): string {
  const [first, ...rest] = points;
  if (first === undefined) return "";
  const toward = (from: Point, to: Point, length: number): string => {
    const distance = Math.hypot(to.x - from.x, to.y - from.y) || 1;
    const part = Math.min(length, distance / 2) / distance;
    const at = (one: number, other: number) => Math.round((one + (other - one) * part) * 10) / 10;
    return `${at(from.x, to.x)} ${at(from.y, to.y)}`;
  };
  const bends = rest.slice(0, -1).map((bend, index) => {
    const before = points[index] ?? bend;
    const after = points[index + 2] ?? bend;
    const corner = `${bend.x} ${bend.y}`;
    return `L${toward(bend, before, bendRadius)}Q${corner} ${toward(bend, after, bendRadius)}`;
  });
  const last = rest.at(-1) ?? first;
  return `M${first.x} ${first.y}${bends.join("")}L${last.x} ${last.y}`;
}

/** The points without the length of the head, and the head. Pure. */
function withHead(points: readonly Point[]): { readonly line: string; readonly head: string } {
  const tip = points.at(-1) ?? { x: 0, y: 0 };
  const before = points.at(-2) ?? tip;
  const distance = Math.hypot(tip.x - before.x, tip.y - before.y) || 1;
  const unit = { x: (tip.x - before.x) / distance, y: (tip.y - before.y) / distance };
  const round = (value: number) => Math.round(value * 10) / 10;
  const base = { x: round(tip.x - unit.x * headLength), y: round(tip.y - unit.y * headLength) };
  const side = (sign: number) =>
    `${round(base.x - sign * unit.y * 4)} ${round(base.y + sign * unit.x * 4)}`;
  return {
    line: pathOf([...points.slice(0, -1), base]),
    head: `M${tip.x} ${tip.y}L${side(1)}L${side(-1)}Z`,
  };
}

const rectOf = ({ x, y, width, height }: Box, name: string, radius: number) =>
  `<rect class="${name}" x="${x}" y="${y}" width="${width}" height="${height}" rx="${radius}"/>`;

/** Writes one diagram. */
class Writer {
  readonly #layout: Layout;
  readonly #options: SvgOptions;
  readonly #prefix: string;

  constructor(layout: Layout, options: SvgOptions) {
    this.#layout = layout;
    this.#options = options;
    this.#prefix = options.prefix ?? layout.chart.name;
  }

  #change(edge: Edge): Change | undefined {
    return this.#options.notes?.edges?.get(edgeKey(edge));
  }

  #isOne(list: readonly string[] | undefined, edges: readonly Edge[]): boolean {
    return list !== undefined && edges.some((edge) => list.includes(edgeKey(edge)));
  }

  #line({ edge, text, count }: Line, at: Point): string {
    if (edge === null) {
      return `<text class="work" x="${at.x}" y="${at.y}">${escaped(text)}</text>`;
    }
    const { marks = {}, notes = {} } = this.#options;
    const key = edgeKey(edge);
    const name = classes(
      "edge line",
      this.#isOne(marks.taken, [edge]) && "taken",
      this.#isOne(marks.last, [edge]) && "last",
      this.#change(edge),
    );
    const id = edgeElementId(this.#prefix, key);
    return `<g class="${name}" id="${id}" data-edge="${escaped(key)}"><title>${escaped(edgeTitle(edge, notes))}</title><text x="${at.x}" y="${at.y}">${escaped(text)}${count === "" ? "" : `<tspan class="count">${escaped(count)}</tspan>`}</text></g>`;
  }

  state({ state, title, box, lines }: PlacedState): string {
    const { marks = {}, notes = {} } = this.#options;
    const isActive = marks.active?.includes(state.name);
    const name = classes(
      ...["state", state.kind, state.parent !== null && "nested"],
      ...[isActive && "active", notes.states?.get(state.name)],
    );
    const { x, y } = box;
    const left = x + spacing.side;
    const texts = lines.map((line, index) =>
      this.#line(line, { x: left, y: y + spacing.head + index * spacing.line + 8 }),
    );
    const rim = { x: x + 3, y: y + 3, width: box.width - 6, height: box.height - 6 };
    return [
      `<g class="${name}" id="${stateElementId(this.#prefix, state.name)}" data-state="${escaped(state.name)}">`,
      `<title>${escaped(state.description || state.name)}</title>`,
      rectOf(box, "box", 8),
      ...(state.kind === "final" ? [rectOf(rim, "rim", 6)] : []),
      `<circle class="now" cx="${x + box.width - spacing.side}" cy="${y + spacing.head / 2}" r="4.5"/>`,
      `<text class="name" x="${left}" y="${y + spacing.head / 2 + 5}">${escaped(title)}</text>`,
      ...texts,
      "</g>",
    ].join("\n");
  }

  /** The line of an arrow. It lies below all labels. */
  arrow({ from, to, points, edges }: Arrow): string {
    const { marks = {}, notes = {} } = this.#options;
    const changes = new Set(edges.map((edge) => this.#change(edge)));
    const name = classes(
      "arrow",
      this.#isOne(marks.taken, edges) && "taken",
      this.#isOne(marks.last, edges) && "last",
      changes.size === 1 && [...changes][0],
    );
    const { line, head } = withHead(points);
    return `<g class="${name}" data-from="${escaped(from)}" data-to="${escaped(to)}"><title>${escaped(edges.map((edge) => edgeTitle(edge, notes)).join("\n"))}</title><path d="${line}"/><path class="head" d="${head}"/></g>`;
  }

  label({ label, lines }: Arrow): string {
    if (label === null) return "";
    const texts = lines.map((line, index) => {
      const y = label.y + spacing.labelTop + (index + 1) * spacing.line - 5;
      return this.#line(line, { x: label.x + spacing.labelSide, y });
    });
    return ["<g>", rectOf(label, "label", 6), ...texts, "</g>"].join("\n");
  }

  begin({ dot, points }: Layout["begins"][number]): string {
    const { line, head } = withHead(points);
    return `<g class="begin"><path d="${line}"/><path class="head" d="${head}"/><circle cx="${dot.x}" cy="${dot.y}" r="5"/></g>`;
  }

  #any({ x, y, width, height }: Box): string {
    const box = `<rect x="${x}" y="${y}" width="${width}" height="${height}" rx="${height / 2}"/>`;
    return `<g class="any" data-state="${anyState}">${box}<text x="${x + 12}" y="${y + height / 2 + 4}">${anyName}</text></g>`;
  }

  /** The meaning of the counts, where there are any. */
  #caption(): string {
    const { counts = {}, brief = false } = this.#options.notes ?? {};
    const sources = brief ? [] : presentSources(counts);
    return sources.length === 0 ? "" : `in brackets: how often taken by ${sources.join(" / ")}`;
  }

  whole(): string {
    const { chart, width, height, states, begins, any, arrows } = this.#layout;
    const { standalone = true, title = chart.name, notes, marks } = this.#options;
    const caption = this.#caption();
    const foot = caption === "" ? 0 : spacing.line;
    const box = [-margin, -margin, width + 2 * margin, height + foot + 2 * margin];
    const id = (part: string) => `${idPart(this.#prefix)}--${part}`;
    const compound = states.filter(({ state }) => ["compound", "parallel"].includes(state.kind));
    const simple = states.filter((placed) => !compound.includes(placed));
    const [x, y, w, h] = box.map(String);
    return [
      `<svg xmlns="http://www.w3.org/2000/svg" class="lockstep-diagram" role="img" aria-labelledby="${id("title")} ${id("description")}" viewBox="${box.join(" ")}" width="${w}" height="${h}">`,
      `<title id="${id("title")}">${escaped(title)}</title>`,
      `<desc id="${id("description")}">${escaped(descriptionOf(chart, notes, marks?.active))}</desc>`,
      ...(standalone
        ? [
            `<style>${diagramStyle}</style>`,
            `<rect class="background" x="${x}" y="${y}" width="${w}" height="${h}" rx="12"/>`,
          ]
        : []),
      ...compound.map((placed) => this.state(placed)),
      ...begins.map((begin) => this.begin(begin)),
      ...arrows.map((arrow) => this.arrow(arrow)),
      ...(any === null ? [] : [this.#any(any)]),
      ...simple.map((placed) => this.state(placed)),
      ...arrows.map((arrow) => this.label(arrow)).filter((label) => label !== ""),
      ...(caption === ""
        ? []
        : [`<text class="caption" x="${spacing.side}" y="${height + 6}">${caption}</text>`]),
      "</svg>",
      "",
    ].join("\n");
  }
}

/**
 * A placed chart as SVG. Each state and each edge has an id of its own, and the attribute `data-state` or `data-edge`.
 * A page marks them by the classes `active`, `taken` and `last`. Pure.
 */
export function svgOf(layout: Layout, options: SvgOptions = {}): string {
  return new Writer(layout, options).whole();
}
