// Aim: a durable actor is live XState, killed between any two events. Method: generated charts and scripts beside
// `createActor` with a simulated clock; after each step both have the same value, context, children, actions and events.
import fc from "fast-check";
import { expect, test } from "vitest";
import { anyChart, anyScript } from "./differential/chart-spec.ts";
import { compareRevived } from "./differential/compare.ts";

test("generated charts behave as live XState when they are revived between any two events", async () => {
  const tally = { steps: 0, ends: 0, rejected: 0, refused: 0, orphans: 0 };
  await fc.assert(
    fc.asyncProperty(anyChart, anyScript, async (chart, script) => {
      await compareRevived(chart, script, "one event", tally);
    }),
    { numRuns: 400, seed: 1 },
  );
  // The charts do something, and some of them end.
  expect(tally.steps).toBeGreaterThan(800);
  expect(tally.ends).toBeGreaterThan(20);
});
