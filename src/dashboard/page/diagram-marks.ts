/** The parts of a diagram that are marked. */
export interface DiagramMarks {
  readonly active: string | null;
  /** The keys of the edges that were taken, and of those that the last event took. */
  readonly taken: readonly string[];
  readonly last: readonly string[];
}

/** True where one of the edges leads between these states: `FROM EVENT -> TO`. Pure. */
export function leads(keys: readonly string[], from: string, to: string): boolean {
  return keys.some((key) => key.startsWith(`${from} `) && key.endsWith(` -> ${to}`));
}

/** Marks a diagram that the server has drawn. */
export function markDiagram(root: Element, { active, taken, last }: DiagramMarks): void {
  for (const element of root.querySelectorAll<SVGElement>("[data-state]")) {
    element.classList.toggle("active", element.dataset["state"] === active);
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
