import fc from "fast-check";
import { expect, test } from "vitest";
import {
  parseBackoff,
  parseDuration,
  pauseAfter,
} from "../../../src/engine/definition/durations.ts";

test.each([
  ["500ms", 500],
  ["5s", 5_000],
  ["1.5s", 1_500],
  ["10m", 600_000],
  ["2h", 7_200_000],
  ["30d", 2_592_000_000],
  ["0s", 0],
  [250, 250],
  [0, 0],
])("the duration %j is %i ms", (duration, ms) => {
  expect(parseDuration("it", duration)).toBe(ms);
});

test.each(["", "5", "5 s", "s", "-5s", "1e3s", "5S", "5s ", "5sec", -1, Number.NaN, Infinity])(
  "the duration %j is refused, and named",
  (duration) => {
    expect(() => parseDuration("tasks.x.timeout", duration)).toThrow(
      expect.objectContaining({
        code: "bad-argument",
        message: expect.stringContaining("tasks.x.timeout"),
      }),
    );
  },
);

test("every whole number of a unit is read as written", () => {
  const units = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
  const unit = fc.constantFrom(...(Object.keys(units) as (keyof typeof units)[]));
  fc.assert(
    fc.property(fc.nat(100_000), unit, (figure, name) => {
      expect(parseDuration("it", `${figure}${name}`)).toBe(figure * units[name]);
    }),
  );
});

test.each([
  ["1s..1m", { first: 1_000, longest: 60_000 }],
  ["200ms", { first: 200, longest: 200 }],
])("the pauses %j", (text, pauses) => {
  expect(parseBackoff("it", text)).toEqual(pauses);
});

test.each(["1m..1s", "1s..2s..3s", "1s..", "..1s", ""])("the pauses %j are refused", (text) => {
  expect(() => parseBackoff("it", text)).toThrow(expect.objectContaining({ code: "bad-argument" }));
});

test("a pause begins with the first, doubles, never shrinks and never passes the longest", () => {
  const pauses = fc
    .tuple(fc.integer({ min: 1, max: 60_000 }), fc.integer({ min: 1, max: 86_400_000 }))
    .map(([first, more]) => ({ first, longest: first + more }));
  fc.assert(
    fc.property(pauses, fc.integer({ min: 1, max: 10_000 }), (given, attempt) => {
      const pauseMs = pauseAfter(attempt, given);
      expect(pauseAfter(1, given)).toBe(given.first);
      expect(pauseMs).toBeLessThanOrEqual(given.longest);
      expect(pauseAfter(attempt + 1, given)).toBe(
        attempt > 30 ? pauseMs : Math.min(given.longest, pauseMs * 2),
      );
    }),
  );
});
