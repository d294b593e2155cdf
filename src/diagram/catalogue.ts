import type { Chart } from "./chart.ts";

const list = (words: readonly string[]) => (words.length === 0 ? "–" : words.join(", "));

/** A machine as a table of its states. Pure. */
export function catalogueOf(chart: Chart): string {
  const rows = chart.states.map(({ name, description, final, effects, deadline }) => {
    const leaving = chart.edges.filter((edge) => edge.from === name && edge.leaves);
    const leavesBy = leaving.map(
      ({ event, guard, to }) => `${event === "always" ? `when ${guard}` : event} → ${to}`,
    );
    const notes = chart.edges.filter((edge) => edge.from === name && !edge.leaves);
    const cells = [
      name,
      description,
      final ? "final" : deadline ? "yes" : "–",
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
  ].join("\n");
}
