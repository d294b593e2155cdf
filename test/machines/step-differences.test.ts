// Aim: steps that differ are named with every agent. Method: plans as builds report them.
import { expect, test } from "vitest";
import { differencesText, stepDifferences } from "../../machines/step-differences.ts";
import { limits } from "../../src/limits.ts";
import { planOf, type Step } from "../../src/upgrade/protocol/steps.ts";

const step = (name: string, description = "", version = "1.1.0"): Step => ({
  ...{ name, version, description, target: "AllMachines", run: async () => {} },
});
const planned = (steps: readonly Step[], protocol = 1) => {
  const { hash, digests, schema } = planOf(steps, "1.0.0", "2.0.0");
  return { hash, steps: digests, schemaSteps: schema.length, protocol };
};
const [one, two, three] = [step("one"), step("two"), step("three")];

test.each([
  ["missing", [[one], [one, two], [one]], '"two" (on a2, not on a1, a3)'],
  ["another one", [[one], [step("one", "else")], [one]], '"one" (on a1, a3, another one on a2)'],
  [
    "several",
    [[one, two], [one, step("two", "else")], [three]],
    '"one" (on a1, a2, not on a3), "two" (on a1, another one on a2, not on a3), "three" (on a3, not on a1, a2)',
  ],
  [
    "order",
    [
      [one, two],
      [two, one],
    ],
    "another order of the same steps (a1, a2)",
  ],
] as const)("%s", (_, builds, text) => {
  const plans = builds.map((steps, index) => [`a${index + 1}`, planned(steps)]);
  expect(differencesText(Object.fromEntries(plans))).toBe(text);
});

test("protocols, and builds that do not name their steps", () => {
  const plans = { a1: planned([one]), a2: planned([one], 2) };
  expect(differencesText(plans)).toBe("different protocols (1 on a1, 2 on a2)");
  const { steps: _, ...unnamed } = planned([two]);
  expect(differencesText({ a1: unnamed, a2: { ...unnamed, hash: "x" } })).toBe(
    "different ones (a1, a2)",
  );
});

test("of too many steps the versions are named, of too many differences ten", () => {
  const many = Array.from({ length: limits.stepsNamedMax + 1 }, (_, index) =>
    step(`step-${index}`, "", index < 3 ? "1.1.0" : "1.2.0"),
  );
  const plans = { a1: planned(many), a2: planned(many.slice(1)) };
  expect(stepDifferences(plans).map((difference) => difference.step)).toEqual(["1.1.0"]);
  const some = many.slice(0, 12);
  expect(differencesText({ a1: planned(some), a2: planned([]) })).toMatch(/ and 2 more$/);
});
