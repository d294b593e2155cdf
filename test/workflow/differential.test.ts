// Aim: a durable actor is live XState, killed between any two events, and at any write. Method: generated charts and
// scripts beside `createActor` with a simulated clock; after each step both have the same value, context, children,
// actions and events.
import fc from "fast-check";
import { expect, test } from "vitest";
import { anyChart, anyPicks, anyScript } from "./differential/chart-spec.ts";
import { newTally } from "./differential/compare.ts";
import { compareEngine } from "./differential/compare-engine.ts";
import { compareRevived } from "./differential/compare-revived.ts";

test("generated charts behave as live XState when they are revived between any two events", async () => {
  const tally = newTally();
  await fc.assert(
    fc.asyncProperty(anyChart, anyScript, (chart, script) => compareRevived(chart, script, tally)),
    { numRuns: 2_000, seed: 1 },
  );
  // The charts do something, and some of them end.
  expect(tally.steps).toBeGreaterThan(4_000);
  expect(tally.ends).toBeGreaterThan(100);
});

test("generated charts behave as live XState on the whole engine, without a crash, with one and with two", async () => {
  const tally = newTally();
  await fc.assert(
    fc.asyncProperty(anyChart, anyScript, anyPicks, (chart, script, picks) =>
      compareEngine(chart, script, picks, tally),
    ),
    { numRuns: 200, seed: 1 },
  );
  expect(tally.steps).toBeGreaterThan(2_500);
  expect(tally.ends).toBeGreaterThan(50);
});

test("generated charts behave as live XState, killed at every write and between any two steps", async () => {
  const tally = newTally();
  await fc.assert(
    fc.asyncProperty(anyChart, anyScript, (chart, script) =>
      compareEngine(chart, script, "all", tally),
    ),
    { numRuns: 5, seed: 2 },
  );
  expect(tally.runs).toBeGreaterThan(150);
});
