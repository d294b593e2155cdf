import type { Chart } from "../diagram/chart.ts";
import { svgOf } from "../diagram/svg/draw.ts";
import { layoutOf } from "../diagram/svg/layout.ts";

/** Draws the chart of this name as SVG. */
export type Draw = (name: string, chart: Chart, brief: boolean) => Promise<string>;

/** The diagrams of machines, each drawn once. Nothing in them is marked: the page does that. */
export function createDiagrams(): Draw {
  const drawn = new Map<string, Promise<string>>();
  return (name, chart, brief) => {
    const key = `${name} ${brief}`;
    const known = drawn.get(key);
    if (known) return known;
    const made = layoutOf(chart, { brief }).then((layout) =>
      svgOf(layout, { standalone: false, notes: { brief } }),
    );
    drawn.set(key, made);
    return made;
  };
}
