// Aim: a durable actor is live XState, killed between any two events, and at any write. Method: generated charts and
// scripts beside `createActor` with a simulated clock; after each step both have the same value, context, children,
// actions and events.
import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { anyChart, anyPicks, anyScript } from "./chart-spec.ts";
import { newTally } from "./compare.ts";
import { compareEngine } from "./compare-engine.ts";
import { compareRevived } from "./compare-revived.ts";

// XState's development build, which these tests use, warns of each event that comes too late.
vi.spyOn(console, "warn").mockImplementation(() => {});

test.each([1, 2, 3, 4])(
  "500 generated charts of seed %i behave as live XState when they are revived between any two events",
  async (seed) => {
    const tally = newTally();
    await fc.assert(
      fc.asyncProperty(anyChart, anyScript, (chart, script) =>
        compareRevived(chart, script, tally),
      ),
      { numRuns: 500, seed },
    );
    // The charts do something, and some of them end.
    expect(tally.steps).toBeGreaterThan(2_500);
    expect(tally.ends).toBeGreaterThan(200);
  },
);

test("generated charts behave as live XState on the whole engine, without a crash, with one and with two", async () => {
  const tally = newTally();
  await fc.assert(
    fc.asyncProperty(anyChart, anyScript, anyPicks, (chart, script, picks) =>
      compareEngine(chart, script, picks, tally),
    ),
    { numRuns: 120, seed: 1 },
  );
  expect(tally.runs).toBe(360);
  expect(tally.steps).toBeGreaterThan(1_800);
  expect(tally.ends).toBeGreaterThan(100);
});

test("generated charts behave as live XState, killed at every write and between any two steps", async () => {
  const tally = newTally();
  await fc.assert(
    fc.asyncProperty(anyChart, anyScript, (chart, script) =>
      compareEngine(chart, script, "all", tally),
    ),
    { numRuns: 4, seed: 2 },
  );
  expect(tally.runs).toBeGreaterThan(100);
});
