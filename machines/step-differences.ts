import { limits } from "../src/limits.ts";
import type { PlanSummary } from "./vocabulary.ts";

/** A step that is not the same on all agents, with its digest on each, or null on an agent that has none. */
export interface StepDifference {
  readonly step: string;
  readonly digests: Readonly<Record<string, string | null>>;
}

/** The plans of some agents, or of some builds, by their name. */
export type Plans = Readonly<Record<string, PlanSummary>>;

function digestsIn({ steps = [] }: PlanSummary): ReadonlyMap<string, string> {
  return new Map(steps.map((text) => text.split(" ") as [string, string]));
}

/** The name of a step has no dot. */
const isVersion = (name: string) => name.includes(".");

/**
 * The steps that are not the same everywhere, in the order of the first plan that has them. Where a plan does not name
 * its steps, these are the versions whose steps are not the same. Pure.
 */
export function stepDifferences(plans: Plans): readonly StepDifference[] {
  const known = Object.entries(plans).map(([name, plan]) => [name, digestsIn(plan)] as const);
  const isNamed = known.every(([, digests]) => {
    const names = [...digests.keys()];
    return names.length === 0 || !names.every(isVersion);
  });
  const names = new Set(known.flatMap(([, digests]) => [...digests.keys()]));
  return [...names]
    .filter((name) => isVersion(name) !== isNamed)
    .map((step) => ({
      step,
      digests: Object.fromEntries(
        known.map(([name, digests]) => [name, digests.get(step) ?? null]),
      ),
    }))
    .filter(({ digests }) => new Set(Object.values(digests)).size > 1);
}

function differenceText({ step, digests }: StepDifference): string {
  const names = Object.keys(digests);
  const of = (digest: string | null) => names.filter((name) => digests[name] === digest).join(", ");
  const [first = "", ...others] = new Set(Object.values(digests).filter((one) => one !== null));
  const lacking = of(null) === "" ? [] : [`not on ${of(null)}`];
  const here = [`on ${of(first)}`, ...others.map((digest) => `another one on ${of(digest)}`)];
  return `"${step}" (${[...here, ...lacking].join(", ")})`;
}

/** The differences between plans, for people. Pure. */
export function differencesText(plans: Plans): string {
  const differences = stepDifferences(plans);
  const names = Object.keys(plans).join(", ");
  const protocols = Object.entries(plans).map(([name, { protocol }]) => `${protocol} on ${name}`);
  if (new Set(Object.values(plans).map(({ protocol }) => protocol)).size > 1) {
    return `different protocols (${protocols.join(", ")})`;
  }
  if (differences.length > 0) {
    const named = differences.slice(0, limits.offendingDocumentsMax).map(differenceText);
    const more = differences.length - named.length;
    return `${named.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
  }
  const isNamed = Object.values(plans).every(({ steps = [] }) => steps.length > 0);
  return isNamed ? `another order of the same steps (${names})` : `different ones (${names})`;
}
