// Aim: a diagram says what its machine does, and a stale one is noticed. Method: a small machine with
// its exact text; the compiled command in a folder of its own.
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { setup } from "xstate";
import { agentMachine } from "../../machines/agent.ts";
import { upgradeMachine } from "../../machines/upgrade.ts";
import { catalogueOf } from "../../src/diagram/catalogue.ts";
import { chartOf } from "../../src/diagram/chart.ts";
import {
  countableEdges,
  edgeKey,
  unknownEdges,
  untakenEdges,
} from "../../src/diagram/edge-counts.ts";
import { mermaidOf } from "../../src/diagram/mermaid.ts";
import { runCommand } from "../../src/ports/process.ts";
import { countEdges } from "../support/edge-counts.ts";

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

const counts = {
  model: { "at-rest go -> busy": 3, "busy always enough -> over": 2 },
  chaos: { "at-rest go -> busy": 1, "busy stop -> over": 1 },
};

test("counts are drawn on the arrows and tabled, a column for each source that has counted", () => {
  const drawn = mermaidOf(chartOf(machine), counts).split("\n");
  expect(drawn[2]).toBe("  %% in brackets: how often taken by model / chaos");
  expect(drawn).toContain("  at_rest --> busy: go (3 / 1)");
  expect(drawn).toContain("  busy --> over: when enough (2 / 0)<br/>stop (0 / 1)");
  const [, table] = catalogueOf(chartOf(machine), counts).split("## How often each edge was taken");
  expect(table).toBe(
    [
      "",
      "",
      "| from | event | guard | to | model | chaos |",
      "|---|---|---|---|--:|--:|",
      "| at-rest | go | – | busy | 3 | 1 |",
      "| at-rest | note | – | at-rest | 0 | 0 |",
      "| busy | always | enough | over | 2 | 0 |",
      "| busy | stop | – | over | 0 | 1 |",
      "| busy | go | enough | at-rest | 0 | 0 |",
      "| at-rest | everywhere | – | at-rest | 0 | 0 |",
      "| busy | everywhere | – | busy | 0 | 0 |",
      "",
    ].join("\n"),
  );
});

test("an edge that only chaos takes is untaken; a counted edge that is no more is named", () => {
  expect(untakenEdges(chartOf(machine), counts)).toEqual([
    "at-rest note -> at-rest",
    "busy stop -> over",
    "busy go enough -> at-rest",
    "at-rest everywhere -> at-rest",
    "busy everywhere -> busy",
  ]);
  const gone = { exploration: { "busy stop -> gone": 1, "busy stop -> over": 1 } };
  expect(unknownEdges(chartOf(machine), gone)).toEqual(["busy stop -> gone (exploration)"]);
});

test.each([upgradeMachine, agentMachine])("no two edges of a machine share a name", (real) => {
  const keys = countableEdges(chartOf(real)).map(edgeKey);
  expect(new Set(keys).size).toBe(keys.length);
});

test("the counter names the edges of an event, those of `always` behind it too, and no other", () => {
  const taken = (state: string, type: string) => {
    const found = new Map<string, number>();
    const snapshot = machine.resolveState({ value: state, context: {} });
    countEdges(machine, JSON.stringify(machine.getPersistedSnapshot(snapshot)), { type }, found);
    return [...found];
  };
  expect(taken("at-rest", "go")).toEqual([
    ["at-rest go -> busy", 1],
    ["busy always enough -> over", 1],
  ]);
  expect(taken("at-rest", "everywhere")).toEqual([["at-rest everywhere -> at-rest", 1]]);
  expect(taken("at-rest", "stop")).toEqual([]);
});

/** The compiled command on a copy of what is committed. */
async function folderOfItsOwn() {
  const root = await mkdtemp(join(tmpdir(), "lockstep-diagrams-"));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  await cp("diagrams", join(root, "diagrams"), { recursive: true });
  await cp("README.md", join(root, "README.md"));
  await symlink(resolve("node_modules"), join(root, "node_modules"));
  const run = async (...words: string[]) =>
    runCommand(process.execPath, [resolve("dist/src/diagram/main.js"), ...words], {
      timeoutMs: 30_000,
      cwd: root,
    });
  return { root, run };
}

test("--check is content with fresh diagrams, fails on a stale one and names it; a run mends it", async () => {
  const { root, run } = await folderOfItsOwn();
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

test("--check fails on an edge that nothing takes, though every picture is fresh", async () => {
  const { root, run } = await folderOfItsOwn();
  const path = join(root, "diagrams", "counts", "model.json");
  const edge = "waiting gateShut -> waiting";
  const counted = await readFile(path, "utf8");
  await writeFile(path, counted.replace(`"${edge}"`, '"waiting gateShut -> gone"'));
  for (const source of ["exploration", "simulation"]) {
    await rm(join(root, "diagrams", "counts", `${source}.json`), { force: true });
  }
  expect((await run())?.exitCode).toBe(0);
  const checked = await run("--check");
  expect([checked?.exitCode, checked?.stderr]).toEqual([
    1,
    `taken by none: agent: ${edge}\nno such edge: agent: waiting gateShut -> gone (model)\n`,
  ]);
});
