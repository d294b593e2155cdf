import { readFile, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { LockstepError, messageOf } from "../../../errors.ts";
import { limits } from "../../../limits.ts";
import { type FleetPlan, planOfText, planText } from "../../../operator/planning/plan-shape.ts";
import { writeNamedFile } from "../../../ports/files.ts";
import { exitCodes } from "../../exit-codes.ts";
import { parseDeadlines } from "../../input/deadlines.ts";
import { requireStepSource, type StepOptions, stepWords } from "../../input/step-source.ts";
import { jsonLine } from "../../output/json-line.ts";
import { applyCommand, renderPlan } from "../../render/plan.ts";
import { type SharedOptions, type Terminal, withFleet } from "../../run.ts";
import { type FollowOptions, followUpgrade } from "./upgrade.ts";

export interface PlanOptions extends SharedOptions, StepOptions {
  readonly out?: string;
  readonly deadline?: readonly string[];
}

export interface ApplyOptions extends FollowOptions, StepOptions {}

/** `lockstep plan VERSION`: shows an upgrade as it would be, and writes it to a file where one is named. */
export async function plan(
  version: string,
  options: PlanOptions,
  terminal: Terminal,
): Promise<number> {
  const deadlines = parseDeadlines(options.deadline ?? []);
  const steps = await requireStepSource(options, process.env, terminal.signal);
  return withFleet(options, terminal, async (fleet) => {
    const made = await fleet.plan(version, { steps, deadlines });
    const isRefused = made.checks.some(({ isPassed }) => !isPassed);
    terminal.out(options.json ? jsonLine({ type: "plan", ...made }) : renderPlan(made));
    const { out } = options;
    // The file is an approval, and nobody could approve this.
    if (isRefused) return exitCodes.failed;
    if (out === undefined) return exitCodes.done;
    await writeNamedFile(resolve(out), planText(made));
    terminal.out(
      options.json
        ? jsonLine({ type: "plan-file", path: resolve(out) })
        : `written to ${out}: \`${applyCommand(out, stepWords(options), options.fleet)}\` asks for this upgrade`,
    );
    return exitCodes.done;
  });
}

/** @throws LockstepError `bad-argument` */
async function readPlan(path: string): Promise<FleetPlan> {
  let content: string;
  try {
    const { size } = await stat(path);
    if (size > limits.planFileBytesMax) throw new Error(`it holds ${size} bytes`);
    content = await readFile(path, "utf8");
  } catch (error) {
    throw new LockstepError(
      "bad-argument",
      `expected the file of a plan in ${path}, got: ${messageOf(error)}: name a file that \`lockstep plan --out\` has written`,
    );
  }
  return planOfText(content);
}

/** `lockstep apply FILE`: asks for the upgrade of a plan, whose file is the approval. */
export async function apply(
  path: string,
  options: ApplyOptions,
  terminal: Terminal,
): Promise<number> {
  const approved = await readPlan(path);
  const steps = await requireStepSource(options, process.env, terminal.signal);
  return followUpgrade(options, terminal, (fleet) => fleet.apply(approved, { steps }));
}
