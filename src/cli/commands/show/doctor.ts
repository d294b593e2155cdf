import { examine, type Finding } from "../../../operator/doctor/examine.ts";
import { exitCodeOfTroubles } from "../../exit-codes.ts";
import { jsonLine } from "../../output/json-line.ts";
import { docsLinkOf } from "../../render/docs-link.ts";
import { countFindings, renderCounts, renderFinding } from "../../render/finding.ts";
import { fleetOptions, type SharedOptions, type Terminal } from "../../run.ts";

/** `lockstep doctor`: examines the set, the fleet and its agents, and shows each finding as soon as it is there. */
export async function doctor(options: SharedOptions, terminal: Terminal): Promise<number> {
  const findings: Finding[] = [];
  for await (const finding of examine(fleetOptions(options, terminal))) {
    findings.push(finding);
    const docs = finding.code === null ? null : docsLinkOf(finding.code);
    terminal.out(
      options.json ? jsonLine({ type: "finding", ...finding, docs }) : renderFinding(finding),
    );
  }
  const counts = countFindings(findings);
  terminal.out(options.json ? jsonLine({ type: "doctor", ...counts }) : renderCounts(counts));
  const troubles = findings.filter(({ outcome }) => outcome === "trouble");
  return exitCodeOfTroubles(troubles.map(({ code }) => code));
}
