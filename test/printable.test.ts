// Aim: no name makes a terminal do anything but show it. Method: names with control codes.
import { expect, test } from "vitest";
import { printable, printableLine } from "../src/printable.ts";

test.each([
  ["a\u001b[2Kb", "a\\u001b[2Kb"],
  ["a\rb", "a\\u000db"],
  ["a\u009b1mb", "a\\u009b1mb"],
  ["a\u007fb\u0000", "a\\u007fb\\u0000"],
  ["a\u202eb", "a\\u202eb"],
  ["a\n\tb é 日本 🙂", "a\n\tb é 日本 🙂"],
])("%j is shown as %j", (text, shown) => {
  expect(printable(text)).toBe(shown);
});

test("one line stays one line", () => {
  expect(printableLine("1.0.0\nrestored and proven\u2028x")).toBe(
    "1.0.0\\u000arestored and proven\\u2028x",
  );
});

test("a line of JSON is the same JSON", () => {
  const value = { name: "a\u001b[2K\u009b\u202e" };
  expect(JSON.parse(printable(JSON.stringify(value)))).toEqual(value);
});
