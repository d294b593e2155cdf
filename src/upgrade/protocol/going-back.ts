import { gt, lte } from "semver";
import type { UpgradeContext } from "../../../machines/upgrade-context.ts";
import { planOf, type Step } from "./steps.ts";

/** The hash of an upgrade without steps. */
const hashOfNothing = planOf([], "0.0.0", "0.0.0").hash;

/** True where this build has the very steps that an upgrade has run. Pure. */
function isKnown(steps: readonly Step[], { from, to, ready }: UpgradeContext): boolean {
  return Object.values(ready).every(
    ({ hash }) => hash === hashOfNothing || hash === planOf(steps, from, to).hash,
  );
}

/**
 * Names the steps between a fleet's version and a lower one, which could not undo them: those of this build, and those
 * of upgrades that this build does not have. Pure.
 * @param done the committed upgrades of the fleet, in order
 */
export function betweenDown(
  steps: readonly Step[],
  { from, to }: { readonly from: string; readonly to: string },
  done: readonly UpgradeContext[],
): readonly string[] {
  const between = steps
    .filter(({ version }) => gt(version, to) && lte(version, from))
    .map(({ name, version }) => `the step "${name}" of ${version}`);
  let version = from;
  const unknown: string[] = [];
  for (const upgrade of done.toReversed()) {
    if (!gt(version, to)) break;
    if (!isKnown(steps, upgrade)) {
      unknown.push(`the steps of ${upgrade.upgradeId}, which this build does not have`);
    }
    version = upgrade.from;
  }
  return [...between, ...unknown];
}
