import type { Chart } from "./chart.ts";
import { type CountsBySource, countableEdges, countsOf, presentSources } from "./edge-counts.ts";

const list = (words: readonly string[]) => (words.length === 0 ? "–" : words.join(", "));

/** Each edge, and how often each source took it. */
function edgeTable(chart: Chart, counts: CountsBySource): readonly string[] {
  const sources = presentSources(counts);
  if (sources.length === 0) return [];
  const rows = countableEdges(chart).map((edge) => {
    const { from, event, guard, to } = edge;
    return `| ${[from, event, guard ?? "–", to, ...countsOf(edge, counts)].join(" | ")} |`;
  });
  return [
    "## How often each edge was taken",
    "",
    `| ${["from", "event", "guard", "to", ...sources].join(" | ")} |`,
    `|---|---|---|---|${"--:|".repeat(sources.length)}`,
    ...rows,
    "",
  ];
}

/** A machine as a table of its states, and one of its edges where they were counted. Pure. */
export function catalogueOf(chart: Chart, counts: CountsBySource = {}): string {
  const rows = chart.states.map(({ name, description, kind, effects, deadline }) => {
    const leaving = chart.edges.filter((edge) => edge.from === name && edge.leaves);
    const leavesBy = leaving.map(
      ({ event, guard, to }) => `${event === "always" ? `when ${guard}` : event} → ${to}`,
    );
    const notes = chart.edges.filter((edge) => edge.from === name && !edge.leaves);
    const cells = [
      name,
      description,
      kind === "final" ? "final" : deadline ? "yes" : "–",
      list(leavesBy),
      list([...new Set(notes.map(({ event }) => (event === "always" ? "at once" : event)))]),
      list(effects),
    ];
    return `| ${cells.join(" | ")} |`;
  });
  return [
    `# ${chart.name}`,
    "",
    "| state | waits for | deadline | leaves by | notes | on entry |",
    "|---|---|---|---|---|---|",
    ...rows,
    "",
    `Every state also takes: ${list(chart.everywhere)}.`,
    "",
    ...edgeTable(chart, counts),
  ].join("\n");
}
