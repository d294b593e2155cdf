import { type DiagramMarks, leads } from "./diagram-marks.ts";

/** Marks a diagram that the server has drawn. */
export function markDiagram(root: Element, { active, taken, last }: DiagramMarks): void {
  for (const element of root.querySelectorAll<SVGElement>("[data-state]")) {
    element.classList.toggle("active", active.includes(element.dataset["state"] ?? ""));
  }
  for (const element of root.querySelectorAll<SVGElement>("[data-edge]")) {
    const key = element.dataset["edge"] ?? "";
    element.classList.toggle("taken", taken.includes(key));
    element.classList.toggle("last", last.includes(key));
  }
  for (const element of root.querySelectorAll<SVGElement>(".arrow")) {
    const { from = "", to = "" } = element.dataset;
    element.classList.toggle("taken", leads(taken, from, to));
    element.classList.toggle("last", leads(last, from, to));
  }
}
