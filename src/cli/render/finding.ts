import { counted } from "../../counted.ts";
import type { Finding, Outcome } from "../../operator/doctor/examine.ts";
import { printableLine } from "../../printable.ts";
import { docsLinkOf } from "./docs-link.ts";

/** The number of findings with each outcome. */
export type Counts = Readonly<Record<Outcome, number>>;

/** Counts findings. Pure. */
export function countFindings(findings: readonly Pick<Finding, "outcome">[]): Counts {
  const count = (wanted: Outcome) => findings.filter(({ outcome }) => outcome === wanted).length;
  return { ok: count("ok"), warning: count("warning"), trouble: count("trouble") };
}

/** One finding for people, with its mend below it. Pure. */
export function renderFinding({ name, outcome, figure, code, mend }: Finding): string {
  const lines = [
    `${outcome.padEnd(7)}  ${name}: ${code === null ? "" : `${code}: `}${figure}`,
    ...(mend === null ? [] : [`           mend: ${mend}`]),
    ...(code === null ? [] : [`           see ${docsLinkOf(code)}`]),
  ];
  return lines.map((line) => printableLine(line)).join("\n");
}

/** The last line of an examination. Pure. */
export function renderCounts({ ok, warning, trouble }: Counts): string {
  return `${ok} ok, ${counted(warning, "warning")}, ${counted(trouble, "trouble")}`;
}
