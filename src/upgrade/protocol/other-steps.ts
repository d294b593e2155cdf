import {
  differencesText,
  type Plans,
  stepDifferences,
} from "../../../machines/step-differences.ts";
import type { UpgradeContext } from "../../../machines/upgrade-context.ts";
import type { PlanSummary, Reason } from "../../../machines/vocabulary.ts";
import { planOf, type Step } from "./steps.ts";

/**
 * S5 after everybody was ready: why this agent's process must not go on with the upgrade, or null. Its build has other
 * steps than those agreed on, since somebody has installed another build meanwhile. Pure.
 */
export function otherSteps(
  { ready, to }: UpgradeContext,
  agent: string,
  found: PlanSummary,
): Reason | null {
  const agreed = ready[agent];
  if (agreed?.hash === found.hash && agreed.protocol === found.protocol) return null;
  const plans: Plans = {
    ...(agreed && { "the build that was ready": agreed }),
    "its build": found,
  };
  return {
    code: "steps-differ",
    message: `agent "${agent}" was ready with other steps for ${to} than its build has now${
      agreed ? `, found ${differencesText(plans)}` : ""
    }: install the same build everywhere, then upgrade again`,
    details: { agent, differences: stepDifferences(plans) },
  };
}

/** The same for this process, which is about to run its steps. Pure. */
export function otherStepsHere(
  context: UpgradeContext,
  { agent, steps }: { readonly agent: string; readonly steps: readonly Step[] },
  protocol: number,
): Reason | null {
  const { hash, digests, schema } = planOf(steps, context.from, context.to);
  const found = { hash, steps: digests, schemaSteps: schema.length, protocol };
  return otherSteps(context, agent, found);
}
