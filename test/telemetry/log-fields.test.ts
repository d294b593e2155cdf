// Aim: the lines of the log are documented and keep their words: each field has one meaning, and the page lists each line. Method:
// the source is read as text: each call of a log, its level, its fields and its message.
import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { type LogCall, logCalls, partsOf } from "./log-calls.ts";

const calls = await logCalls(["src"]);
const page = await readFile("docs/log.md", "utf8");

/** The rows of a table of the page, by the words of its first heading. */
function rowsBelow(heading: string): readonly string[] {
  const table = page.slice(page.indexOf(heading)).split("\n").slice(2);
  return table.slice(
    0,
    table.findIndex((line) => !line.startsWith("|")),
  );
}

/** The names of the fields, or null where they are no list of names. */
function fieldsOf({ fields }: LogCall): readonly string[] | null {
  if (!fields.startsWith("{")) return null;
  const parts = partsOf(fields.slice(1, -1));
  const names = parts.map((part) => /^(\w+)\s*(?::|$)/.exec(part)?.[1]);
  return names.every((name) => name !== undefined) ? (names as string[]) : null;
}

/** The message as the page shows it, or null where it is no text. */
function messageOf({ message }: LogCall): string | null {
  const text = /^(["`])(.*)\1,?$/s.exec(message)?.[2];
  return (
    text
      ?.replace(/\$\{[^}]*\}/g, "…")
      .replaceAll("\\`", "'")
      .replaceAll("`", "'") ?? null
  );
}

const lines = calls.filter(({ level }) => level !== "child");

test("each line of the log has fields and a message that can be read in the source", () => {
  expect(lines.length).toBeGreaterThan(100);
  const odd = calls.filter(
    (call) => fieldsOf(call) === null || (call.level !== "child" && messageOf(call) === null),
  );
  expect(odd.map(({ place, fields, message }) => [place, fields, message])).toEqual([]);
});

test("each field is one of the vocabulary, and each word of the vocabulary is used", () => {
  const known = rowsBelow("| field |").map((row) => /^\| `(\w+)`/.exec(row)?.[1]);
  expect(known).toEqual(known.toSorted());
  const used = new Set(calls.flatMap((call) => fieldsOf(call) ?? []));
  expect(known).toEqual([...used].toSorted());
});

test("a message has one level, or the page has a row for each", () => {
  const rows = lines.map((call) => {
    const names = (fieldsOf(call) ?? []).map((name) => `\`${name}\``).join(", ");
    return `| ${messageOf(call)} | ${call.level} | ${names} |`;
  });
  expect(rowsBelow("| message |")).toEqual([...new Set(rows)].toSorted());
});
