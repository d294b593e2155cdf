// Aim: a module of the user that ends the command's process makes no success of it. Method: the compiled program as a
// process, with modules that end it as they are loaded.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { exitCodes } from "../../src/cli/exit-codes.ts";
import { runCommand } from "../../src/ports/process.ts";
import { linesOf } from "../support/output-schemas.ts";

const main = resolve("dist/src/cli/main.js");

/** Draws the machine of a module, which needs no database. */
async function drawn(code: string, ...words: string[]) {
  const folder = await mkdtemp(join(tmpdir(), "lockstep-early-end-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, "module.mjs");
  await writeFile(path, code);
  return runCommand(process.execPath, [main, "diagram", path, ...words], { timeoutMs: 60_000 });
}

test.each([
  ["calls process.exit(0)", "process.exit(0);", "it ended with code 0"],
  ["calls process.exit with a code that means something", "process.exit(6);", "code 6"],
  ["awaits what never comes", "await new Promise(() => {});", "an await in a module never ends"],
])("a module that %s", async (_, code, words) => {
  const plain = await drawn(code);
  expect(plain?.exitCode).toBe(exitCodes.failed);
  expect(plain?.stderr).toContain(words);
  const ran = await drawn(code, "--json");
  expect(ran?.exitCode).toBe(exitCodes.failed);
  expect(linesOf("error", ran?.stderr ?? "")).toMatchObject([
    { type: "error", code: "unexpected" },
  ]);
});

test("an output that its disk does not take: it says why, and is no success", async () => {
  const full = `"${process.execPath}" "${main}" diagram > /dev/full`;
  const ran = await runCommand("sh", ["-c", full], { timeoutMs: 60_000 });
  expect(ran?.exitCode).toBe(exitCodes.failed);
  expect(ran?.stderr).toContain('disk-full: "standard output"');
});
