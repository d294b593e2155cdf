// Aim: a fleet goes to a lower version only where nothing lies between that the lower build could not undo.
// Method: by example.
import { expect, test } from "vitest";
import type { UpgradeContext } from "../../../machines/upgrade-context.ts";
import { betweenDown } from "../../../src/upgrade/protocol/going-back.ts";
import { planOf, type Step } from "../../../src/upgrade/protocol/steps.ts";

const step = (name: string, version: string): Step => ({
  ...{ name, version, target: "AllMachines", description: "", run: async () => {} },
});
const steps = [step("one", "1.1.0"), step("two", "1.2.0"), step("three", "1.3.0")];

/** A committed upgrade of a build with these steps. */
function upgrade(from: string, to: string, its: readonly Step[] = steps): UpgradeContext {
  const { hash } = planOf(its, from, to);
  const ready = { a1: { hash, schemaSteps: 0, protocol: 1, incarnation: 1 } };
  return { upgradeId: `${from}-${to}`, from, to, ready } as unknown as UpgradeContext;
}
const done = [upgrade("1.0.0", "1.1.0"), upgrade("1.1.0", "1.2.0"), upgrade("1.2.0", "1.2.5")];

test("the steps above the lower version, up to the fleet's, keep it away; no others do", () => {
  const between = (from: string, to: string) => betweenDown(steps, { from, to }, []);
  expect(between("1.2.5", "1.2.0")).toEqual([]);
  expect(between("1.2.5", "1.1.9")).toEqual(['the step "two" of 1.2.0']);
  expect(between("1.3.0", "1.1.0")).toEqual([
    ...['the step "two" of 1.2.0', 'the step "three" of 1.3.0'],
  ]);
});

test("a build that dropped its old steps from the list cannot tell; the upgrades below do not matter", () => {
  const pruned = steps.slice(2);
  const between = (to: string) => betweenDown(pruned, { from: "1.2.5", to }, done);
  expect(between("1.2.0")).toEqual([]);
  expect(between("1.1.0")).toEqual(["the steps of 1.1.0-1.2.0, which this build does not have"]);
  expect(between("1.0.0")).toHaveLength(2);
});

test("upgrades without steps say nothing, and a way down and up again is followed", () => {
  const ways = [...done, upgrade("1.2.5", "1.2.1"), upgrade("1.2.1", "1.2.6")];
  expect(betweenDown(steps, { from: "1.2.6", to: "1.2.0" }, ways)).toEqual([]);
  expect(betweenDown([], { from: "1.2.6", to: "1.2.1" }, ways)).toEqual([]);
  expect(betweenDown([], { from: "1.2.6", to: "1.1.0" }, ways)).toHaveLength(1);
});
