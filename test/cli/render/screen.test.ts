// Aim: the view of a watch fits the terminal, is painted in place, and leaves no trace of codes behind.
import { expect, test } from "vitest";
import { frameOf, screenOf, wrapLine } from "../../../src/cli/render/screen.ts";
import { lookOf } from "../../../src/cli/render/words.ts";

const plain = (frame: string) =>
  frame
    .replace("\u001b[H", "")
    .replace("\u001b[J", "")
    .split("\r\n")
    .map((line) => line.replace("\u001b[K", ""));

test("a line that is too long goes on in the next one, between words where there are any", () => {
  expect(wrapLine("short", 10)).toEqual(["short"]);
  expect(wrapLine("exactly 10", 10)).toEqual(["exactly 10"]);
  expect(wrapLine("waits for a1, a2, a3", 12)).toEqual(["waits for", "    a1, a2,", "    a3"]);
  expect(wrapLine("x".repeat(20), 12)).toEqual(["x".repeat(12), `    ${"x".repeat(8)}`]);
  expect(wrapLine("x".repeat(9), 3)).toEqual(["x".repeat(9)]);
});

test("a frame fills the screen and no more, and says how much is left out", () => {
  const text = Array.from({ length: 30 }, (_, number) => `line ${number}`).join("\n");
  expect(plain(frameOf(text, 80, 30))).toHaveLength(30);
  const cut = plain(frameOf(text, 80, 10));
  expect(cut).toHaveLength(10);
  expect(cut.at(-1)).toBe("… 21 lines more: see `lockstep status`");
  const narrow = plain(
    frameOf("state        migrating, since 1 min 5 s (2026-01-02 03:04:05 UTC)", 40, 24),
  );
  expect(narrow.every((line) => line.length <= 40)).toBe(true);
  expect(narrow.length).toBe(2);
});

test("the screen is entered once, painted where the text changes, and given back once", () => {
  const written: string[] = [];
  const output = { isTTY: true, columns: 40, rows: 5, write: (text: string) => written.push(text) };
  const screen = screenOf(output, { TERM: "xterm" }, lookOf(false));
  screen?.leave();
  expect(written).toEqual([]);
  screen?.paint("one");
  screen?.paint("one");
  screen?.paint("two");
  screen?.leave();
  screen?.leave();
  expect(written.map((text) => text.includes("\u001b[?1049h"))).toEqual([true, false, false]);
  expect(written.map((text) => text.includes("\u001b[?1049l"))).toEqual([false, false, true]);
  expect(written.at(-1)).toContain("\u001b[?25h");
});

test("a view shows no password, and no name in it moves the cursor", () => {
  const written: string[] = [];
  const output = { isTTY: true, columns: 80, rows: 5, write: (text: string) => written.push(text) };
  const text = "a1 blocked: no way to mongodb://admin:hunter2@db/\u001b[2J\u202e";
  screenOf(output, { TERM: "xterm" }, lookOf(true))?.paint(text);
  expect(plain(written.join("").split("\u001b[?7l")[1] ?? "")).toEqual([
    "a1 blocked: no way to mongodb://***@db/\\u001b[2J\\u202e",
  ]);
});

test.each([
  [false, "xterm"],
  [true, "dumb"],
  [true, ""],
])("no screen where a terminal is %s and of the kind %j", (isTTY, kind) => {
  const output = { isTTY, write: () => true };
  expect(screenOf(output, { TERM: kind }, lookOf(false))).toBeNull();
});
