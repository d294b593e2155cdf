import { limits } from "../../limits.ts";
import { namedDeadlines } from "../../operator/planning/named-deadlines.ts";
import type { FleetPlan } from "../../operator/planning/plan-shape.ts";
import { printableLine } from "../../printable.ts";
import { timeSpan } from "../../time-span.ts";
import { shellWord } from "../input/shell-word.ts";
import { docsLinkOf } from "./docs-link.ts";

type PlannedStep = FleetPlan["steps"][number];

/** The place that a step changes. */
function touched({ target, reads }: PlannedStep): string {
  if (target === "StateServer") return "the host of each state server";
  if (target === "AllMachines") return "the host of each agent";
  return reads === null
    ? "the database; a rehearsal shows which collections"
    : `the database; its transactions use ${reads.join(", ")}`;
}

const undoTexts: Readonly<Record<PlannedStep["undo"], string>> = {
  "the copies": "the data is restored from the copies",
  "its revert": "its revert runs, and files that it keeps are put back",
  "kept files": "files that it keeps are put back, and anything else stays",
};

function stepLines(step: PlannedStep, index: number): readonly string[] {
  const { name, version, target, description } = step;
  return [
    `${index + 1}. ${name} (${version}, ${target}): ${description}`,
    `   changes ${touched(step)}`,
    `   if the fleet goes back: ${undoTexts[step.undo]}`,
  ];
}

function estimateLine({ state, ms }: FleetPlan["estimates"][number]): string {
  const range = ms === null ? "not known" : `${timeSpan(ms.least)} to ${timeSpan(ms.most)}`;
  return `${state.padEnd(15)} ${range}`;
}

function checkLines({ name, isPassed, figure, code, warning }: FleetPlan["checks"][number]) {
  const link = code === null ? [] : [`        see ${docsLinkOf(code)}`];
  const notice = warning === null ? [] : [`        notice: ${warning}`];
  const outcome = isPassed ? "passed " : "refused";
  return [`${outcome} ${name}: ${code === null ? "" : `${code}: `}${figure}`, ...link, ...notice];
}

function part(heading: string, lines: readonly string[]): readonly string[] {
  return [heading, ...lines.map((line) => `  ${printableLine(line)}`)];
}

/** The agents, of which only some are named where there are many. */
function agentLines({ agents }: FleetPlan): readonly string[] {
  const shown = agents.slice(0, limits.plannedAgentsShownMax).map((each) => {
    const rest = each.isRequired ? "the upgrade waits for it" : "follows after the commit";
    return `${each.agent}  ${each.version}  ${each.role}, ${rest}`;
  });
  const left = agents.length - shown.length;
  return left > 0 ? [...shown, `and ${left} more`] : shown;
}

/** A plan for people. Pure. */
export function renderPlan(plan: FleetPlan): string {
  const { databaseName, from, to, steps, estimates, deadlines, checks, stepHash } = plan;
  const hasSchemaSteps = steps.some(({ undo }) => undo === "the copies");
  const none = ["none: the version changes, and nothing else"];
  const times = namedDeadlines(deadlines).map(([name, ms]) => `${name} ${timeSpan(ms)}`);
  return [
    printableLine(`plan: ${databaseName} from ${from} to ${to}`),
    ...part("agents", agentLines(plan)),
    ...part(`steps, in this order (hash ${stepHash.slice(0, 12)})`, [
      ...(steps.length === 0 ? none : steps.flatMap(stepLines)),
    ]),
    ...part("the way back", [
      "before the commit point: a failure, a deadline or `lockstep abort` leads back to the old version and the old data",
      "the commit point: every required agent has voted, and the live data is verified",
      "after it: no way leads back but `lockstep restore`, which loses what was written since",
    ]),
    ...part("time without the application, by earlier upgrades and the size of the data", [
      ...estimates.map(estimateLine),
      ...(hasSchemaSteps ? ["`lockstep rehearse` measures the steps on a copy"] : []),
    ]),
    ...part("deadlines", [times.join(", ")]),
    ...part("checks", checks.flatMap(checkLines)),
  ].join("\n");
}

/** The command that asks for the upgrade of a plan's file, as a person can paste it. Pure. */
export function applyCommand(path: string, stepWords: string, fleet: string | undefined): string {
  const ofFleet = fleet === undefined ? "" : ` --fleet ${shellWord(fleet)}`;
  return `lockstep apply ${shellWord(path)}${stepWords}${ofFleet}`;
}
