// Aim: a diagram says what its machine does, and a stale one is noticed. Method: a small machine with
// its exact text; the compiled command in a folder of its own.
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { setup } from "xstate";
import { catalogueOf } from "../../src/diagram/catalogue.ts";
import { chartOf } from "../../src/diagram/chart.ts";
import { mermaidOf } from "../../src/diagram/mermaid.ts";
import { runCommand } from "../../src/ports/process.ts";

const machine = setup({
  types: { events: {} as { type: "go" | "stop" | "note" | "everywhere" } },
  actions: { scheduleTimer: () => {}, work: () => {}, noteIt: () => {} },
  guards: { enough: () => true },
}).createMachine({
  id: "small",
  initial: "at-rest",
  on: { everywhere: {} },
  states: {
    "at-rest": {
      description: "somebody to start it",
      on: { go: "busy", note: { actions: "noteIt" } },
    },
    busy: {
      description: "the work",
      entry: ["scheduleTimer", "work"],
      always: { guard: "enough", target: "over" },
      on: { stop: "over", go: { guard: "enough", target: "at-rest" } },
    },
    over: { type: "final", description: "nothing" },
  },
});

test("Mermaid, to the letter", () => {
  expect(mermaidOf(chartOf(machine))).toBe(
    [
      "stateDiagram-v2",
      "  direction TB",
      '  state "at-rest" as at_rest',
      '  state "busy" as busy',
      '  state "over" as over',
      "  [*] --> at_rest",
      "  at_rest --> busy: go",
      "  busy --> over: when enough<br/>stop",
      "  busy --> at_rest: go, if enough",
      "  over --> [*]",
      "",
    ].join("\n"),
  );
});

test("the catalogue, to the letter", () => {
  expect(catalogueOf(chartOf(machine))).toBe(
    [
      "# small",
      "",
      "| state | waits for | deadline | leaves by | notes | on entry |",
      "|---|---|---|---|---|---|",
      "| at-rest | somebody to start it | – | go → busy | note | – |",
      "| busy | the work | yes | when enough → over, stop → over, go → at-rest | – | work |",
      "| over | nothing | final | – | – | – |",
      "",
      "Every state also takes: everywhere.",
      "",
    ].join("\n"),
  );
});

test("--check is content with fresh diagrams, fails on a stale one and names it; a run mends it", async () => {
  const root = await mkdtemp(join(tmpdir(), "lockstep-diagrams-"));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  await mkdir(join(root, "diagrams"));
  await cp("diagrams", join(root, "diagrams"), { recursive: true });
  await cp("README.md", join(root, "README.md"));
  await symlink(resolve("node_modules"), join(root, "node_modules"));
  const run = async (...words: string[]) =>
    runCommand(process.execPath, [resolve("dist/src/diagram/main.js"), ...words], {
      timeoutMs: 30_000,
      cwd: root,
    });
  expect((await run("--check"))?.exitCode).toBe(0);
  const path = join(root, "diagrams", "upgrade.mmd");
  const fresh = await readFile(path, "utf8");
  await writeFile(path, fresh.replace("abortRequested", "abort"));
  const stale = await run("--check");
  expect([stale?.exitCode, stale?.stderr]).toEqual([
    1,
    "stale: diagrams/upgrade.mmd: run `npm run diagrams`\n",
  ]);
  expect((await run())?.exitCode).toBe(0);
  expect(await readFile(path, "utf8")).toBe(fresh);
});
