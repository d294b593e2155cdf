// Aim: a span of time is worded in one way everywhere. Method: the boundaries of each unit.
import { expect, test } from "vitest";
import { timeSpan } from "../src/time-span.ts";

const [minute, hour, day] = [60_000, 3_600_000, 86_400_000];

test.each([
  [-5, "0.0 s"],
  [59_999, "59.9 s"],
  [minute, "1 min"],
  [250_400, "4 min 10 s"],
  [hour - 1, "59 min 59 s"],
  [2 * hour + 5 * minute + 59_000, "2 h 5 min"],
  [day, "1 d"],
  [day - 1, "23 h 59 min"],
  [2 * day + 7 * hour, "2 d 7 h"],
  [400 * day, "400 d"],
])("%i ms are %s", (ms, words) => {
  expect(timeSpan(ms)).toBe(words);
});
