import { isLockstepError } from "../../../errors.ts";
import type { FleetClient } from "../../../operator/fleet-client.ts";
import { requireChecks } from "../../../operator/planning/compare-plans.ts";
import type { FleetPlan } from "../../../operator/planning/plan-shape.ts";
import { exitCodes } from "../../exit-codes.ts";
import { requireYes } from "../../input/confirmation.ts";
import { parseDeadlines } from "../../input/deadlines.ts";
import { findStepSource, type StepOptions } from "../../input/step-source.ts";
import { parseTimeMs } from "../../input/time-span.ts";
import { jsonLine } from "../../output/json-line.ts";
import { renderPlan } from "../../render/plan.ts";
import { type SharedOptions, type Terminal, withFleet } from "../../run.ts";
import { printAccepted, type WaitOptions, waitForEnd } from "../../wait-for-end.ts";

/** The options of a command that asks for an upgrade and follows it. */
export interface FollowOptions extends SharedOptions, WaitOptions {
  readonly wait: boolean;
  readonly waitTimeout?: string;
}

export interface UpgradeOptions extends FollowOptions, StepOptions {
  readonly deadline?: readonly string[];
  readonly yes?: boolean;
}

/** Asks the master for an upgrade, and waits for the end of what was accepted. */
export async function followUpgrade(
  options: FollowOptions,
  terminal: Terminal,
  ask: (fleet: FleetClient) => Promise<{ readonly upgradeId: string; readonly message: string }>,
): Promise<number> {
  const { waitTimeout } = options;
  const limitMs =
    waitTimeout === undefined ? undefined : parseTimeMs("--wait-timeout", waitTimeout);
  return withFleet(options, terminal, async (fleet) => {
    const accepted = await ask(fleet);
    printAccepted(accepted, options, terminal);
    if (!options.wait) return exitCodes.done;
    return waitForEnd(fleet, accepted.upgradeId, options, terminal, limitMs);
  });
}

/** The accepted request. */
type Accepted = Awaited<ReturnType<FleetClient["upgrade"]>>;

/** Asks a person for a confirmation, then for the upgrade. */
async function askPlainly(
  fleet: FleetClient,
  to: string,
  deadlines: ReturnType<typeof parseDeadlines>,
  options: UpgradeOptions,
  terminal: Terminal,
): Promise<Accepted> {
  const what = `the fleet goes to ${to}, and the application is down meanwhile (\`lockstep plan\` shows the steps)`;
  await requireYes(what, options, terminal);
  return fleet.upgrade(to, { deadlines });
}

/** The plan, or null for a version that is not higher: only a master says whether such a one can be taken. */
async function planUpwards(
  fleet: FleetClient,
  to: string,
  planning: Parameters<FleetClient["plan"]>[1],
): Promise<FleetPlan | null> {
  try {
    return await fleet.plan(to, planning);
  } catch (error) {
    if (isLockstepError(error, "version-not-higher")) return null;
    throw error;
  }
}

/** Shows the plan, asks a person for a confirmation, and applies the plan. */
async function askWithPlan(
  fleet: FleetClient,
  to: string,
  planning: Parameters<FleetClient["plan"]>[1],
  options: UpgradeOptions,
  terminal: Terminal,
): Promise<Accepted> {
  const plan = await planUpwards(fleet, to, planning);
  if (plan === null) return askPlainly(fleet, to, planning.deadlines ?? {}, options, terminal);
  terminal.out(options.json ? jsonLine({ type: "plan", ...plan }) : renderPlan(plan));
  requireChecks(plan);
  const what = `the application is down from the first gate that shuts until ${to} serves`;
  await requireYes(what, options, terminal);
  return fleet.apply(plan, planning);
}

/** `lockstep upgrade VERSION`: asks the master for it and waits for the end. */
export async function upgrade(
  to: string,
  options: UpgradeOptions,
  terminal: Terminal,
): Promise<number> {
  const deadlines = parseDeadlines(options.deadline ?? []);
  const steps = await findStepSource(options, process.env, terminal.signal);
  return followUpgrade(options, terminal, (fleet) =>
    steps === null
      ? askPlainly(fleet, to, deadlines, options, terminal)
      : askWithPlan(fleet, to, { steps, deadlines }, options, terminal),
  );
}
