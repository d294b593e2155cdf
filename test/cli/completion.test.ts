// Aim: bash completes each command and option of the program. Method: a real bash loads the printed script, and answers as
// it would at the tabulator key.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bashCompletion } from "../../src/cli/completion.ts";
import { runCommand } from "../../src/ports/process.ts";

const main = resolve("dist/src/cli/main.js");
let folder: string;
let script: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lockstep-completion-"));
  script = join(folder, "completion.bash");
  const ran = await runCommand(process.execPath, [main, "completion", "bash"], {
    timeoutMs: 60_000,
  });
  await writeFile(script, ran?.stdout ?? "");
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** The words that bash offers for the last of these words. */
async function offered(...words: string[]): Promise<readonly string[]> {
  const act = `source "$0"; COMP_WORDS=(lockstep "$@"); COMP_CWORD=$#; _lockstep_completion; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const ran = await runCommand("bash", ["--norc", "-c", act, script, ...words], {
    timeoutMs: 60_000,
  });
  expect(ran?.stderr).toBe("");
  return (ran?.stdout ?? "").split("\n").filter((word) => word !== "");
}

test("commands, commands below a command, and options, also after an option with a value", async () => {
  expect(await offered("ex")).toContain("explain");
  expect(await offered("upg")).toEqual(["upgrade"]);
  expect(await offered("backup", "")).toEqual(
    expect.arrayContaining(["create", "list", "verify", "show", "--help"]),
  );
  expect(await offered("upgrade", "1.1.0", "--no")).toEqual(["--no-wait"]);
  expect(await offered("backup", "create", "--directory", "backup", "--gz")).toEqual(["--gzip"]);
  expect(await offered("wait", "--f")).toEqual(["--for", "--fleet"]);
});

test("nothing is offered that does not fit, so that bash completes names of files", async () => {
  expect(await offered("restore", "u000002", "--directory", "/tm")).toEqual([]);
  expect(await offered("nothing", "--js")).toEqual([]);
});

test("every command has its line, and a word that is not plain has none", async () => {
  const { stdout = "" } =
    (await runCommand(process.execPath, [main, "--help"], { timeoutMs: 60_000 })) ?? {};
  const commands = [...stdout.matchAll(/^ {2}([a-z-]+) /gm)].map(([, name = ""]) => name);
  expect(commands.length).toBeGreaterThan(15);
  const first = await offered("");
  for (const name of commands.filter((each) => each !== "help")) expect(first).toContain(name);
  const odd = bashCompletion("x", [{ path: "", words: ["--plain", "$(touch x)"] }]);
  expect(odd).toContain('words="--plain"');
});

test("another shell is refused", async () => {
  const ran = await runCommand(process.execPath, [main, "completion", "csh"], {
    timeoutMs: 60_000,
  });
  expect([ran?.exitCode, ran?.stderr.includes('got "csh"')]).toEqual([2, true]);
});
