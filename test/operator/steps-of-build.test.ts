// Aim: a description counts only as it was written, and for the build that was asked for. Method: texts that are wrong.
import { expect, test } from "vitest";
import { describedStepsOf } from "../../src/operator/planning/steps-of-build.ts";
import { describeSteps } from "../../src/upgrade/protocol/described-steps.ts";
import type { Step } from "../../src/upgrade/protocol/steps.ts";

const wanted = { from: "1.0.0", to: "1.1.0" };
const step: Step = {
  ...{ name: "titles", version: "1.1.0", target: "MasterStateServer", description: "once" },
  run: async () => {},
};
const described = describeSteps([step], "1.0.0", "1.1.0");
const text = (changes: object = {}) => JSON.stringify({ ...described, ...changes });

test("it comes back, without the parts that a later Lockstep adds, and in the order of a plan's file", () => {
  const [{ name = "", ...rest } = {}] = described.steps;
  const later = text({ steps: [{ size: 9, ...rest, name }], format: 2 });
  expect(JSON.stringify(describedStepsOf(later, wanted))).toBe(text());
});

test.each([
  ["cut off", text().slice(0, -9), "no JSON"],
  ["empty", "", "no JSON"],
  ["something else", '{"hash": 1}', "from: expected a text"],
  ["a way to undo that nobody knows", text().replace("the copies", "magic"), "steps[0].undo"],
  ["of another build", text({ to: "1.2.0" }), "starts the build of 1.2.0"],
  ["from another version", text({ from: "0.9.0" }), "those from 0.9.0"],
])("%s is refused", (_, content, words) => {
  expect(() => describedStepsOf(content, wanted)).toThrow(
    expect.objectContaining({
      code: "cannot-describe",
      message: expect.stringContaining(words),
    }),
  );
});
