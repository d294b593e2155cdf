import { svgOf } from "../diagram/svg/draw.ts";
import { layoutOf } from "../diagram/svg/layout.ts";
import { shippedCharts } from "../operator/film/project.ts";

/** True for a machine that this build ships. */
const isMachine = (name: string): name is keyof typeof shippedCharts =>
  Object.hasOwn(shippedCharts, name);

/**
 * The diagrams of the machines as SVG, each drawn once. Nothing in them is marked: the page does that.
 * @returns null for a machine that is not known
 */
export function createDiagrams(): (machine: string, brief: boolean) => Promise<string | null> {
  const drawn = new Map<string, Promise<string>>();
  return async (machine, brief) => {
    if (!isMachine(machine)) return null;
    const key = `${machine} ${brief}`;
    const known = drawn.get(key);
    if (known) return known;
    const made = layoutOf(shippedCharts[machine], { brief }).then((layout) =>
      svgOf(layout, { standalone: false, notes: { brief } }),
    );
    drawn.set(key, made);
    return made;
  };
}
