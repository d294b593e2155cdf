/** The forms of a diagram. */
export const diagramFormats = ["svg", "mermaid"] as const;
export type DiagramFormat = (typeof diagramFormats)[number];
